import type { PointsmanError } from '../errors.ts';
import type { PresentHaproxy } from '../events-haproxy.ts';
import type { ConfigSet, Facts, Hold, Trouble, Way, WayPart } from './facts.ts';

/** What is to be done next, and why. */
export type Action =
  /**
   * Nothing, for now. `pace`, `workers`, `record`: for so long, then look again; the others end the pass, and it is
   * looked again after `ms` at the latest.
   */
  | Wait
  /** Touch neither the file nor HAProxy. */
  | {
      readonly kind: 'handsOff';
      readonly why: Hold | Extract<Facts['file'], { kind: 'stuck' }>;
      readonly reasons: Reasons;
    }
  /** Find what is to blame for a refusal, and replace it. */
  | { readonly kind: 'quarantine'; readonly refusal: Refused; readonly reasons: Reasons }
  /** Put the file right that somebody else changed. */
  | { readonly kind: 'putBack'; readonly reasons: Reasons }
  /** Have HAProxy load what is installed, since what is desired cannot take its place. */
  | { readonly kind: 'mend'; readonly set: ConfigSet; readonly reasons: Reasons }
  /** Change servers back to what is installed: HAProxy is ahead of the file with what is refused. */
  | ({ readonly kind: 'takeBack'; readonly reasons: Reasons } & WayPart)
  /** HAProxy runs it: check it and write the file, beside the loop. */
  | { readonly kind: 'record'; readonly set: ConfigSet; readonly reasons: Reasons }
  /** Check it and write the file; there is no HAProxy to tell. */
  | { readonly kind: 'publish'; readonly set: ConfigSet; readonly reasons: Reasons }
  /** Have HAProxy load the file, which is right. */
  | { readonly kind: 'load'; readonly set: ConfigSet; readonly reasons: Reasons }
  /** Change servers of the running HAProxy. */
  | ({ readonly kind: 'runtime'; readonly how: 'whole' | 'part'; readonly reasons: Reasons } & WayPart)
  /** Check it, write the file and have HAProxy load it. */
  | { readonly kind: 'reload'; readonly set: ConfigSet; readonly reasons: Reasons }
  /** `isGood`: the file holds it and HAProxy runs it; else the file is on its way. */
  | { readonly kind: 'nothing'; readonly isGood: boolean; readonly reasons: Reasons };

type Reasons = readonly string[];

interface Wait {
  readonly kind: 'wait';
  readonly for: 'tree' | 'template' | 'retry' | 'pace' | 'workers' | 'record';
  readonly ms: number;
  readonly reasons: Reasons;
}

/** What the quarantine is asked about. */
export type Refused =
  | { readonly kind: 'template-error'; readonly error: PointsmanError }
  | {
      readonly kind: 'refused';
      readonly output: string;
      readonly lines: readonly number[];
      readonly text: string;
    }
  | { readonly kind: 'crashed'; readonly error: unknown };

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
  const { hold, file, desired } = facts;
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
    case 'template-error': {
      if (desired.judged) {
        const wait = { kind: 'wait', for: 'template', ms: Number.POSITIVE_INFINITY, reasons: [] } as const;
        return orElseInstalled(facts, wait);
      }
      return { kind: 'quarantine', refusal: { kind: 'template-error', error: desired.error }, reasons: [] };
    }
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
  return trouble.kind === 'refused' && trouble.judged ? installed : null;
}

function decideFor(set: ConfigSet, facts: Facts): Action {
  const need = needOf(set, facts);
  const { trouble, recording } = facts;
  if (need.kind === 'nothing') {
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
    return recording === set.hash
      ? { kind: 'nothing', isGood: false, reasons: need.reasons }
      : { kind: 'record', set, reasons: need.reasons };
  }
  return bringOut(set, need, facts);
}

/** What a set needs that is neither refused nor on its way. */
function bringOut(set: ConfigSet, need: Extract<Need, { kind: 'load' | 'publish' }>, facts: Facts): Action {
  const { target, way, haproxy, paceMs, workersMs } = facts;
  if (target === 'file') {
    return { kind: 'publish', set, reasons: need.reasons };
  }
  if (way.kind === 'runtime') {
    const reasons = need.kind === 'load' ? need.reasons : way.reasons;
    return { kind: 'runtime', how: 'whole', set, commands: way.commands, reasons };
  }
  const reasons = reasonsOf(way, need);
  if (way.kind === 'reload' && way.part && need.kind === 'publish') {
    return { kind: 'runtime', how: 'part', ...way.part, reasons };
  }
  if (haproxy.kind !== 'away' && paceMs > 0) {
    // What went out without a reload need not wait for it.
    return recordAhead(facts) ?? { kind: 'wait', for: 'pace', ms: paceMs, reasons };
  }
  if (need.kind === 'load') {
    // What is on its way to the file would be loaded in its place.
    return facts.recording === null
      ? { kind: 'load', set, reasons }
      : { kind: 'wait', for: 'record', ms: 0, reasons };
  }
  return workersMs > 0
    ? { kind: 'wait', for: 'workers', ms: workersMs, reasons }
    : { kind: 'reload', set, reasons };
}

function reasonsOf(way: Exclude<Way, { kind: 'runtime' }>, need: { readonly reasons: Reasons }): Reasons {
  if (way.kind === 'reload') {
    return way.reasons;
  }
  return way.why === null ? need.reasons : [way.why];
}

/** Of a set that is refused or did not load, until its next try. */
function inTrouble(
  set: ConfigSet,
  need: Exclude<Need, { kind: 'nothing' }>,
  trouble: Trouble,
  facts: Facts,
): Action {
  const { reasons } = need;
  if (trouble.kind !== 'failed' && !trouble.judged) {
    const refusal = trouble.kind === 'refused' ? { ...trouble, text: set.text } : trouble;
    return { kind: 'quarantine', refusal, reasons };
  }
  const wait = { kind: 'wait', for: 'retry', ms: trouble.waitMs, reasons } as const;
  // The file is right, or HAProxy runs it already.
  const mayWait = need.kind !== 'publish' && trouble.kind !== 'refused';
  return mayWait ? wait : orElseInstalled(facts, wait);
}

/** What is desired cannot take the place of what is installed: HAProxy is to run that. */
function orElseInstalled(facts: Facts, wait: Wait): Action {
  const { installed, ahead, trouble, recording, way, mendMs } = facts;
  if (installed === null) {
    return wait;
  }
  if (recording !== null) {
    return { ...wait, for: 'record' };
  }
  if (trouble?.kind === 'refused') {
    if (way.kind === 'runtime') {
      return { kind: 'takeBack', set: installed, commands: way.commands, reasons: wait.reasons };
    }
  } else if (ahead) {
    // It is good, as far as anybody knows.
    return recordAhead(facts) ?? wait;
  }
  const need = needOfInstalled(facts);
  if (need.kind === 'nothing') {
    return wait;
  }
  if (mendMs > 0) {
    return { ...wait, ms: Math.min(wait.ms, mendMs) };
  }
  return { kind: 'mend', set: installed, reasons: need.reasons };
}

/** The file is to follow what HAProxy is ahead with, where it does not already. */
function recordAhead({ ahead, desired, recording, aheadWaitMs }: Facts): Action | null {
  // What is desired itself is tried again after its own pause.
  const isDesired = desired.kind === 'set' && desired.set.hash === ahead?.hash;
  if (!ahead || isDesired || recording === ahead.hash || aheadWaitMs > 0) {
    return null;
  }
  return { kind: 'record', set: ahead, reasons: ['HAProxy runs it already'] };
}

/** What a set needs, whatever hinders it. */
type Need =
  | { readonly kind: 'nothing' }
  /** HAProxy runs it; the file lags behind. */
  | { readonly kind: 'record'; readonly reasons: Reasons }
  /** The file is right; HAProxy does not run it (yet). */
  | { readonly kind: 'load'; readonly reasons: Reasons }
  | { readonly kind: 'publish'; readonly reasons: Reasons };

const NOTHING: Need = { kind: 'nothing' };

function needOf(set: ConfigSet, facts: Facts): Need {
  const { target, installed, haproxy, doubt } = facts;
  if (!installed?.isOurs || installed.hash !== set.hash) {
    // Somebody (this program before it was killed) had HAProxy run it, and the file does not say so yet.
    if (target === 'haproxy' && haproxy.kind === 'running' && haproxy.mark === set.hash && doubt === null) {
      return { kind: 'record', reasons: ['HAProxy runs it already'] };
    }
    return { kind: 'publish', reasons: [installed ? 'the text changed' : 'there is no file yet'] };
  }
  if (target === 'file') {
    return NOTHING;
  }
  return haproxy.kind === 'away'
    ? { kind: 'load', reasons: [`HAProxy is away: ${haproxy.cause}`] }
    : loadNeed(set.hash, haproxy, facts);
}

/** `away` is waited out, and a file that is not ours is nothing to go back to. */
function needOfInstalled(facts: Facts): Extract<Need, { kind: 'nothing' | 'load' }> {
  const { target, installed, haproxy } = facts;
  if (target === 'file' || !installed?.isOurs || haproxy.kind === 'away') {
    return { kind: 'nothing' };
  }
  return loadNeed(installed.hash, haproxy, facts);
}

function loadNeed(
  hash: string,
  haproxy: PresentHaproxy,
  { doubt, owed }: Facts,
): Extract<Need, { kind: 'nothing' | 'load' }> {
  if (haproxy.kind === 'unseen') {
    return owed
      ? { kind: 'load', reasons: ['the file was published, and HAProxy not told to load it'] }
      : { kind: 'nothing' };
  }
  if (haproxy.mark === hash) {
    return doubt === null ? { kind: 'nothing' } : { kind: 'load', reasons: [doubt] };
  }
  const found = haproxy.mark === null ? 'a configuration without our mark' : `the text ${haproxy.mark}`;
  return { kind: 'load', reasons: [`HAProxy runs ${found}`] };
}
