import type { Refusal } from '../ports/judge.ts';
import type { ConfigSet, Facts, Hold, Reasons, Trouble, WayPart } from './facts.ts';

/** What is to be done next, and why. */
export type Action = WhatToDo & { readonly reasons: Reasons };

type WhatToDo =
  /**
   * Nothing, for now. `pace`, `workers`, `record`: for so long, then look again; the others end the pass, and it is
   * looked again after `ms` at the latest.
   */
  | {
      readonly kind: 'wait';
      readonly for: 'tree' | 'template' | 'retry' | 'pace' | 'workers' | 'record';
      readonly ms: number;
    }
  /** Touch neither the file nor HAProxy. */
  | { readonly kind: 'handsOff'; readonly why: Hold | Extract<Facts['file'], { kind: 'stuck' }> }
  /** Find what is to blame for a refusal, and replace it. */
  | { readonly kind: 'quarantine'; readonly refusal: Refusal }
  /** Put the file right that somebody else changed. */
  | { readonly kind: 'putBack' }
  /** Have HAProxy load what is installed, since what is desired cannot take its place. */
  | { readonly kind: 'mend'; readonly set: ConfigSet }
  /** Change servers back to what is installed: HAProxy is ahead of the file with what is refused. */
  | ({ readonly kind: 'takeBack' } & WayPart)
  /** HAProxy runs it: check it and write the file, beside the loop. */
  | { readonly kind: 'record'; readonly set: ConfigSet }
  /** Check it and write the file; there is no HAProxy to tell. */
  | { readonly kind: 'publish'; readonly set: ConfigSet }
  /** Have HAProxy load the file, which is right. */
  | { readonly kind: 'load'; readonly set: ConfigSet }
  /** Change servers of the running HAProxy. */
  | ({ readonly kind: 'runtime'; readonly how: 'whole' | 'part' } & WayPart)
  /** Check it, write the file and have HAProxy load it. */
  | { readonly kind: 'reload'; readonly set: ConfigSet }
  /** `isGood`: the file holds it and HAProxy runs it; else the file is on its way. */
  | { readonly kind: 'nothing'; readonly isGood: boolean };

type Wait = Extract<Action, { kind: 'wait' }>;

/**
 * Says what is to be done next. Pure and total: each set of facts has one answer.
 *
 *     hold ............................................ handsOff
 *     the file is touched ............................. putBack      (in vain: handsOff)
 *     nothing to render ............................... wait
 *     the template fails, a set is refused ............ quarantine   (in vain: what is installed, below)
 *
 *     desired  the file   HAProxy runs      the way
 *     A        A          A                             nothing
 *     A        A          B                 commands    runtime
 *     A        A          B, another, away  reload      load, after the pace
 *     A        B          A                             record
 *     A        B          B                 commands    runtime, then record
 *     A        B          B                 in part     runtime (part), then as below
 *     A        B          B, another, away  reload      record what is ahead; reload, after the pace and the workers
 *     A        B          (mode none)                   publish
 *
 * What is on its way to the file is waited for before HAProxy is to load the file.
 *
 *     what is installed, where A is refused or the template fails:
 *     -        B          B                             wait
 *     -        B          ahead with A      commands    takeBack
 *     -        B          ahead, another    reload      mend
 */
export function decide(facts: Facts): Action {
  const { hold, file, desired, judged } = facts;
  if (hold) {
    return { kind: 'handsOff', why: hold, reasons: [] };
  }
  if (file.kind === 'stuck') {
    return { kind: 'handsOff', why: file, reasons: [] };
  }
  if (file.kind === 'touched') {
    return { kind: 'putBack', reasons: ['somebody else touched the file'] };
  }
  switch (desired.kind) {
    case 'nothing':
      return { kind: 'wait', for: 'tree', ms: Number.POSITIVE_INFINITY, reasons: [] };
    case 'template-error':
      return judged
        ? orElseInstalled(facts, { kind: 'wait', for: 'template', ms: facts.retryMs, reasons: [] })
        : { kind: 'quarantine', refusal: desired, reasons: [] };
    case 'set':
      return decideFor(desired.set, facts);
    default:
      return desired satisfies never;
  }
}

/** Where a way to is planned: what is desired, and where that is refused what is installed; null for none. */
export function goalOf(facts: Omit<Facts, 'way'>): ConfigSet | null {
  const { desired, trouble, installed } = facts;
  if (desired.kind !== 'set') {
    return null;
  }
  if (trouble === null) {
    return desired.set;
  }
  return isRefused(trouble) && trouble.judged ? installed : null;
}

function decideFor(set: ConfigSet, facts: Facts): Action {
  const { trouble, recording } = facts;
  const need = needOf(set, facts);
  if (need === null) {
    // What is on its way would take its place.
    const isOther = recording !== null && recording !== set.hash;
    return isOther
      ? { kind: 'record', set, reasons: ['another text is on its way to the file'] }
      : { kind: 'nothing', isGood: true, reasons: [] };
  }
  if (trouble) {
    return inTrouble(set, need, trouble, facts);
  }
  if (need.kind === 'record') {
    const { reasons } = need;
    return recording === set.hash
      ? { kind: 'nothing', isGood: false, reasons }
      : { kind: 'record', set, reasons };
  }
  return bringOut(set, need, facts);
}

/** It is what is wrong, as far as anybody knows. */
function isRefused(trouble: Trouble | null): trouble is Extract<Trouble, { kind: 'refused' }> {
  return trouble?.kind === 'refused' && trouble.excused !== true;
}

/** What a set needs that is neither refused nor on its way. */
function bringOut(set: ConfigSet, need: Need, facts: Facts): Action {
  const { target, way, haproxy, paceMs, workersMs, recording } = facts;
  const isLoad = need.kind === 'load';
  if (target === 'file') {
    return { kind: 'publish', set, reasons: need.reasons };
  }
  if (way.kind === 'runtime') {
    const reasons = isLoad ? need.reasons : way.reasons;
    return { kind: 'runtime', how: 'whole', set, commands: way.commands, reasons };
  }
  const reasons = way.reasons.length > 0 ? way.reasons : need.reasons;
  if (way.kind === 'reload' && way.part && !isLoad) {
    return { kind: 'runtime', how: 'part', ...way.part, reasons };
  }
  if (haproxy.kind !== 'away' && paceMs > 0) {
    // What went out without a reload need not wait for it.
    return recordAhead(facts) ?? { kind: 'wait', for: 'pace', ms: paceMs, reasons };
  }
  if (isLoad) {
    // What is on its way to the file would be loaded in its place.
    return recording === null
      ? { kind: 'load', set, reasons }
      : { kind: 'wait', for: 'record', ms: 0, reasons };
  }
  return workersMs > 0
    ? { kind: 'wait', for: 'workers', ms: workersMs, reasons }
    : { kind: 'reload', set, reasons };
}

/** Of a set that is refused or did not load, until its next try. */
function inTrouble(set: ConfigSet, { kind, reasons }: Need, trouble: Trouble, facts: Facts): Action {
  if (trouble.kind !== 'failed' && !trouble.judged) {
    const refusal = trouble.kind === 'refused' ? { ...trouble, text: set.text } : trouble;
    return { kind: 'quarantine', refusal, reasons };
  }
  const wait: Wait = { kind: 'wait', for: 'retry', ms: facts.retryMs, reasons };
  // The file is right, or HAProxy runs it already.
  const mayWait = kind !== 'publish' && !isRefused(trouble);
  return mayWait ? wait : orElseInstalled(facts, wait);
}

/** What is desired cannot take the place of what is installed: HAProxy is to run that. */
function orElseInstalled(facts: Facts, wait: Wait): Action {
  const { installed, ahead, haproxy, trouble, recording, way, mendMs } = facts;
  if (installed === null) {
    return wait;
  }
  if (recording !== null) {
    return { ...wait, for: 'record' };
  }
  if (isRefused(trouble)) {
    if (way.kind === 'runtime') {
      return { kind: 'takeBack', set: installed, commands: way.commands, reasons: wait.reasons };
    }
  } else if (ahead) {
    // It is good, as far as anybody knows.
    return recordAhead(facts) ?? sooner(wait, facts.aheadWaitMs);
  }
  const need = needOf(installed, facts);
  // A file that is not ours is nothing to go back to, and `away` is waited out.
  if (need?.kind !== 'load' || haproxy.kind === 'away') {
    return wait;
  }
  return mendMs > 0 ? sooner(wait, mendMs) : { kind: 'mend', set: installed, reasons: need.reasons };
}

function sooner(wait: Wait, ms: number): Wait {
  return ms > 0 ? { ...wait, ms: Math.min(wait.ms, ms) } : wait;
}

/** The file is to follow what HAProxy is ahead with, where it does not already. */
function recordAhead({ ahead, desired, recording, aheadWaitMs }: Facts): Action | null {
  // What is desired itself is tried again after its own pause.
  const isDesired = desired.kind === 'set' && desired.set.hash === ahead?.hash;
  if (!ahead || isDesired || recording === ahead.hash || aheadWaitMs > 0) {
    return null;
  }
  return { kind: 'record', set: ahead, reasons: [RUNS_ALREADY] };
}

/** What a set needs, whatever hinders it. */
interface Need {
  /**
   * - `record`: HAProxy runs it; the file lags behind.
   * - `load`: the file is right; HAProxy does not run it (yet).
   * - `publish`: neither.
   */
  readonly kind: 'record' | 'load' | 'publish';
  readonly reasons: Reasons;
}

const RUNS_ALREADY = 'HAProxy runs it already';

/** Null where the file holds it and HAProxy runs it. */
function needOf({ hash }: ConfigSet, facts: Facts): Need | null {
  const { target, installed, haproxy } = facts;
  const why = target === 'file' ? null : whyNotRun(hash, facts);
  if (installed?.isOurs && installed.hash === hash) {
    return why === null ? null : { kind: 'load', reasons: [why] };
  }
  // Somebody (this program before it was killed) had HAProxy run it, and the file does not say so yet.
  if (target === 'haproxy' && haproxy.kind === 'running' && why === null) {
    return { kind: 'record', reasons: [RUNS_ALREADY] };
  }
  return { kind: 'publish', reasons: [installed ? 'the text changed' : 'there is no file yet'] };
}

/** Why HAProxy may not run the text that the file holds; null where it does, as far as can be seen. */
function whyNotRun(hash: string, { haproxy, doubt, owed }: Facts): string | null {
  switch (haproxy.kind) {
    case 'away':
      return `HAProxy is away: ${haproxy.cause}`;
    case 'unseen':
      return owed ? 'the file was published, and HAProxy not told to load it' : null;
    case 'running':
      if (haproxy.mark === hash) {
        return doubt;
      }
      return `HAProxy runs ${haproxy.mark === null ? 'a configuration without our mark' : `the text ${haproxy.mark}`}`;
    default:
      return haproxy satisfies never;
  }
}
