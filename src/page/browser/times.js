// How long ago things were, by the clock of the server.

import { span } from '../../status/words.ts';
import { make, say } from './elements.js';

/** What is known of the server's time: its clock less ours, when something came last (0 for never), and whether it is gone. */
export const time = { ahead: 0, heardAt: 0, isLost: false };

/** @param {Date} date */
export function clock(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((n) => `${n}`.padStart(2, '0'))
    .join(':');
}

/** How long ago something was, from now on. @param {number} at */
export function age(at) {
  const date = new Date(at);
  return make(
    'time',
    { 'data-at': `${at}`, datetime: date.toISOString(), title: date.toString() },
    ageOf(at),
  );
}

/** @param {number} at */
function ageOf(at) {
  // Where nothing comes any more, nobody knows what is now.
  const now = time.isLost ? time.heardAt : Date.now();
  return span(Math.max(0, now + time.ahead - at) / 1000);
}

/** Brings all ages up to date. */
export function tick() {
  for (const element of document.querySelectorAll('time[data-at]')) {
    if (element instanceof HTMLElement) {
      say(element, ageOf(Number(element.dataset.at)));
    }
  }
}

/** @param {number} ms */
export function took(ms) {
  return ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 10_000
      ? `${Math.round(ms)} ms`
      : `${Math.round(ms / 1000)} s`;
}
