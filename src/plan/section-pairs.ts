import { type Picture, type Step, sectionHeader, sectionLines, sectionText } from './picture.ts';
import type { Reason } from './plan.ts';
import { Reasons } from './reasons.ts';
import { sectionTitle } from './section-lines.ts';

/** Indexes of a section in both pictures. */
export interface SectionPair {
  readonly old: number;
  readonly next: number;
}

/** Sections that are in both texts, and why it takes a reload where they are not the same ones in the same order. */
export interface PairedSections {
  readonly pairs: readonly SectionPair[];
  readonly reasons: Reasons;
}

/** Finds which section of the old text is which one of the new text, within the part that can differ. */
export function pairSections(old: Picture, { next, from, oldEnd, nextEnd }: Step): PairedSections {
  const pairs: SectionPair[] = [];
  let at = from;
  while (at < oldEnd && at < nextEnd && sameSection(old, next, at)) {
    pairs.push({ old: at, next: at });
    at++;
  }
  const oldRest = titles(old, at, oldEnd);
  const nextRest = titles(next, at, nextEnd);
  const reasons = new Reasons();
  for (const [title, { index, line }] of nextRest) {
    const was = oldRest.get(title);
    if (was) {
      pairs.push({ old: was.index, next: index });
    } else {
      reasons.add(reason('the section is new', next, { index, line, of: 'new' }));
    }
  }
  for (const [title, { index, line }] of oldRest) {
    if (!nextRest.has(title)) {
      reasons.add(reason('the section is gone', old, { index, line, of: 'old' }));
    }
  }
  const order = [...oldRest.keys()].filter((title) => nextRest.has(title));
  const newOrder = [...nextRest.keys()].filter((title) => oldRest.has(title));
  const moved = newOrder.find((title, index) => title !== order[index]);
  const place = moved === undefined ? undefined : nextRest.get(moved);
  if (place) {
    reasons.add(reason('the order of the sections is changed', next, { ...place, of: 'new' }));
  }
  return { pairs, reasons };
}

function sameSection(old: Picture, next: Picture, at: number): boolean {
  if (sectionText(old, at) === sectionText(next, at)) {
    return true;
  }
  return titleOf(old, at) === titleOf(next, at);
}

interface Place {
  readonly index: number;
  readonly line: number;
}

/** Sections by kind and name; further ones of the same kind and name (`global`) are counted. */
function titles(picture: Picture, from: number, end: number): Map<string, Place> {
  const places = new Map<string, Place>();
  for (let index = from; index < end; index++) {
    let title = titleOf(picture, index);
    while (places.has(title)) {
      title += '\0';
    }
    places.set(title, { index, line: picture.sections[index]?.line ?? 1 });
  }
  return places;
}

function titleOf(picture: Picture, index: number): string {
  return sectionTitle(sectionHeader(picture, index)) ?? '';
}

function reason(message: string, picture: Picture, place: Place & { of: 'new' | 'old' }): Reason[] {
  const { header, body } = sectionLines(picture, place.index);
  if (header.words.length === 0 && body.length === 0) {
    return [];
  }
  return [{ about: 'section', message, section: sectionTitle(header), line: place.line, of: place.of }];
}
