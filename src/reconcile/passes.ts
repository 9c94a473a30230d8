import { asError } from '../errors.ts';
import type { Outcome, PassEvent, ReloadCause } from '../events.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';
import type { Refusal } from '../ports/judge.ts';
import type { Ended, Resolution } from '../quarantine/quarantine.ts';
import { refusedBy } from '../quarantine/refusal.ts';
import { type Current, runningSet, setOf } from '../rollout/current.ts';
import { type Action, decide } from '../rollout/decide.ts';
import type { Deed, Result } from '../rollout/executor.ts';
import type { Facts } from '../rollout/facts.ts';
import { gather, type Look } from '../rollout/gather.ts';
import { done, endOfCrash, endOfIdle, type PassEnd } from '../rollout/pass-end.ts';
import { reloadCause } from '../rollout/reload-cause.ts';
import { Stopwatch } from '../rollout/stopwatch.ts';
import type { Parts } from './parts.ts';
import { TURN_MS } from './turns.ts';

/**
 * The passes of the loop, one after the other: each looks at everything, so that the last state always wins. A pass
 * that throws is a failed pass.
 *
 *     mail --> gather the facts --> decide --> carry out --over--> report
 *                  ^                               |again
 *                  +-------------------------------+
 */
export class Passes {
  readonly #parts: Parts;
  readonly #crashRetry = new BackOff();
  readonly #templateRetry = new BackOff();
  /** The hashes of the sets over which it is searched for what is refused. */
  readonly #searched = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One pass, from what is served to traffic. Null where `signal` ended it. */
  async pass(triggers: readonly string[], signal: AbortSignal): Promise<PassEnd | null> {
    const { turns, pace } = this.#parts;
    const watch = new Stopwatch(turns);
    const pass: Pass = {
      watch,
      signal,
      triggers: new Set(triggers),
      before: textBefore(this.#parts.executor.current.now),
      reasons: [],
      hold: null,
      ...NOTHING_DONE,
      ...ANEW,
    };
    let end: PassEnd | null = null;
    while (end === null && !signal.aborted) {
      end = await this.#step(pass).catch((error: unknown) => this.#crashed(error, pass));
    }
    if (end) {
      this.#report(end, pass);
    }
    pace.settled();
    return end;
  }

  /** Null: look again. */
  async #step(pass: Pass): Promise<PassEnd | null> {
    const facts = await this.#gather(pass);
    if (pass.signal.aborted) {
      return null;
    }
    if (facts.desired.kind === 'set') {
      this.#templateRetry.succeeded();
    }
    const action = decide(facts);
    pass.reasons = action.reasons;
    const result = await this.#carryOut(action, facts, pass);
    if (result.kind === 'again') {
      pass.noRuntime ??= result.why ?? null;
      return null;
    }
    const { quarantine, executor } = this.#parts;
    if (result.isGood) {
      quarantine.accepted();
    }
    if (executor.catchUp.target === null) {
      this.#crashRetry.succeeded();
    }
    return result;
  }

  #gather(pass: Pass): Promise<Facts> {
    const { turns, pause, mailbox, pace } = this.#parts;
    turns.turn();
    this.#searchEnded();
    const mail = pass.drawn === null ? mailbox.take() : undefined;
    if (mail) {
      pace.took(mail);
      mail.triggers.forEach((trigger) => void pass.triggers.add(trigger));
    }
    pass.hold = pause?.now ? { kind: 'pause', ...pause.now } : null;
    return gather(this.#parts, pass);
  }

  async #carryOut(action: Action, facts: Facts, pass: Pass): Promise<Result> {
    switch (action.kind) {
      case 'wait':
        return this.#wait(action, facts, pass);
      case 'handsOff':
        if (action.why.kind === 'pause') {
          await this.#beginPause();
        }
        return endOfIdle(action, facts);
      case 'quarantine':
        return this.#quarantine(action, facts, pass);
      case 'nothing':
        return done(this.#isAdopted(facts) ? 'adopted' : 'unchanged', action.isGood);
      case 'record': {
        const result = await this.#do(action, facts, pass);
        const { desired } = facts;
        // What HAProxy is ahead with is on its way; what is desired has still to go out.
        const isDesired = desired.kind === 'set' && desired.set.hash === action.set.hash;
        return isDesired ? result : { kind: 'again' };
      }
      default:
        return this.#do(action, facts, pass);
    }
  }

  /** A HAProxy ran the very text before we began. */
  #isAdopted({ haproxy, target }: Facts): boolean {
    return this.#parts.account.isFirst && target === 'haproxy' && haproxy.kind === 'running';
  }

  async #do(action: Deed, facts: Facts, pass: Pass): Promise<Result> {
    const { executor, pace } = this.#parts;
    try {
      const result = await executor.carryOut(action, pass);
      if (hasLoaded(action, result, executor.current.now)) {
        pass.reload = reloadCause(action, facts);
      }
      return result;
    } finally {
      if (PACED.has(action.kind)) {
        pace.reloaded();
      }
    }
  }

  async #wait(action: Extract<Action, { kind: 'wait' }>, facts: Facts, pass: Pass): Promise<Result> {
    const { pace, mailbox } = this.#parts;
    switch (action.for) {
      case 'record':
        await this.#idle();
        return { kind: 'again' };
      case 'pace':
        await this.#rest(action.ms, pass);
        break;
      case 'workers':
        pace.waitsForWorkers(facts.haproxy);
        await this.#rest(Math.min(action.ms, TURN_MS / 2), pass);
        break;
      default:
        return endOfIdle(action, facts);
    }
    if (mailbox.peek()) {
      Object.assign(pass, ANEW);
    }
    return { kind: 'again' };
  }

  /** So many milliseconds, or until something newer arrives: turns of the loop, however long `pace` is. */
  async #rest(ms: number, { watch, signal }: Pass): Promise<void> {
    const { mailbox, turns } = this.#parts;
    const until = clock.now() + ms;
    while (!signal.aborted && clock.now() < until && !mailbox.peek()) {
      turns.turn();
      const left = Math.min(TURN_MS, until - clock.now());
      await watch.time('pause', () => mailbox.wait(left, signal));
    }
  }

  async #beginPause(): Promise<void> {
    const { turns, pause } = this.#parts;
    await this.#idle();
    await turns.step('beginning a pause', async () => pause?.holds());
  }

  async #quarantine(
    { refusal }: Extract<Action, { kind: 'quarantine' }>,
    { desired }: Facts,
    pass: Pass,
  ): Promise<Result> {
    pass.judged = true;
    if (desired.kind === 'set') {
      this.#parts.executor.troubles.judged(desired.set.hash);
    }
    if (refusal.kind === 'crashed') {
      throw refusal.error;
    }
    const resolution = await this.#resolve(refusal, pass);
    if (resolution !== 'acted' && refusal.kind === 'template-error') {
      // It may be the check that fails: nobody says when that is mended.
      pass.retryMs = this.#templateRetry.failed();
    }
    if (desired.kind === 'set') {
      this.#concludes(desired.set.hash, { refusal, resolution });
    }
    return { kind: 'again' };
  }

  /** What came of a search that goes on behind the loop. */
  #searchEnded(): void {
    const { quarantine, executor } = this.#parts;
    const ended = quarantine.takeEnded();
    if (ended === null) {
      return;
    }
    const { refusal } = ended;
    const hash = refusal.kind === 'refused' ? setOf(refusal.text).hash : null;
    // It was not about the others: they are tried anew.
    for (const other of this.#searched) {
      if (other !== hash) {
        executor.troubles.forget(other);
      }
    }
    this.#searched.clear();
    if (hash !== null) {
      executor.troubles.waitAnew(hash);
      this.#concludes(hash, ended);
    }
  }

  /** What the quarantine says means this for a set that is refused. */
  #concludes(hash: string, { refusal, resolution }: Ended): void {
    const { troubles } = this.#parts.executor;
    switch (resolution) {
      case 'fine':
        troubles.forget(hash);
        break;
      case 'searching':
        this.#searched.add(hash);
        troubles.excuse(hash);
        break;
      case 'check':
        troubles.excuse(hash);
        break;
      case 'nobody':
        if (refusedBy(refusal) === 'check') {
          troubles.blame(hash);
        } else {
          troubles.excuse(hash);
        }
        break;
      case 'acted':
        troubles.blame(hash);
        break;
      default:
        resolution satisfies never;
    }
  }

  /** Finds and sets aside what is to blame. */
  async #resolve(refusal: Refusal, pass: Pass): Promise<Resolution> {
    const { quarantine } = this.#parts;
    await this.#idle();
    const resolution = await pass.watch.time('quarantine', () => quarantine.resolve(refusal, pass.signal));
    if (resolution === 'acted') {
      Object.assign(pass, ANEW);
    }
    return resolution;
  }

  /** A pass that threw is a failed pass: what brought it is looked for, and set aside as if it had been refused. */
  async #crashed(thrown: unknown, pass: Pass): Promise<PassEnd | null> {
    if (pass.signal.aborted) {
      return null;
    }
    const { crashes } = this.#parts;
    const error = asError(thrown);
    const retryInMs = this.#crashRetry.failed();
    await crashes.tell('a pass', error, retryInMs);
    pass.reasons = [];
    try {
      if ((await this.#resolve({ kind: 'crashed', error }, pass)) === 'acted') {
        return null;
      }
    } catch (another) {
      if (!pass.signal.aborted) {
        await crashes.tell('looking for what made a pass fail', another);
      }
    }
    pass.drawn = null;
    return endOfCrash(error, retryInMs);
  }

  #idle(): Promise<void> {
    const { turns, executor } = this.#parts;
    return turns.step('the file', () => executor.catchUp.idle());
  }

  #report(end: PassEnd, { triggers, watch, reasons, reload, drawn, before }: Pass): void {
    const { drawing, served, trees, executor, account, ledger, rollback, emit } = this.#parts;
    const { outcome, error } = end;
    if (drawn) {
      drawing.tell(drawn);
    }
    if (drawn?.kind === 'set') {
      served.drewWithout(drawing.rejected);
    }
    executor.catchUp.look();
    const { applied } = executor.current.now;
    const wanted = drawn?.kind === 'set' ? drawn.set.hash : null;
    const isLive = error === null && LIVE.has(outcome) && account.since !== null;
    const isPending = applied.kind === 'unknown' || applied.hash !== wanted;
    ledger?.note({
      before,
      wanted: drawn?.kind === 'set' ? drawn.set.text : null,
      services: account.drawnServices,
      rollback: drawing.rolledBack?.wish ?? null,
    });
    rollback?.drew(end);
    emit({
      kind: 'pass',
      outcome,
      triggers: [...triggers],
      ...account.tell(reasons),
      reload,
      liveMs: isLive ? rounded(clock.now() - account.since) : null,
      ms: watch.ms,
      steps: watch.steps,
      counts: served.counts,
      hashes: { ...trees.hashes, text: drawing.hash },
      applied,
      pending: isPending ? wanted : null,
      error,
    } satisfies PassEvent);
    if (error === null && drawn?.kind === 'set') {
      account.wentOut();
    }
  }
}

/** After these the next reload waits for its pace. */
const PACED: ReadonlySet<Action['kind']> = new Set(['publish', 'load', 'reload']);

/** After these HAProxy was seen to run what changed. */
const LIVE: ReadonlySet<Outcome> = new Set(['runtime', 'reloaded', 'started']);

/** Whether HAProxy, which ran, was reloaded by this. */
function hasLoaded(action: Deed, result: Result, { applied }: Current): boolean {
  if (result.kind === 'over') {
    return result.outcome === 'reloaded' || result.outcome === 'unverified';
  }
  return action.kind === 'mend' && applied.kind !== 'unknown' && applied.hash === action.set.hash;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** What HAProxy runs; where that is not known, what the file holds. */
function textBefore(current: Current): string | null {
  return (runningSet(current) ?? current.installed)?.text ?? null;
}

/** A pass that is under way. */
interface Pass extends Look {
  readonly before: string | null;
  readonly triggers: Set<string>;
  /** Of what was decided last. */
  reasons: readonly string[];
  /** Why HAProxy was reloaded in it. */
  reload: ReloadCause | null;
}

const NOTHING_DONE = { reload: null };

/** Of something else that is to be drawn: what was tried before says nothing of that. */
const ANEW = { drawn: null, judged: false, retryMs: 0, noRuntime: null };
