import { asError, PointsmanError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { shorten } from '../model/shorten.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import type { Refusal } from '../quarantine/refusal.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { Drift } from '../rollout/drift.ts';
import type { HaproxyWatch } from '../rollout/haproxy-watch.ts';
import type { Mend } from '../rollout/mend.ts';
import type { Need } from '../rollout/need.ts';
import type { Recorder } from '../rollout/recorder.ts';
import type { RollResult } from '../rollout/roll-result.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { RuntimePath, Step } from '../rollout/runtime-path.ts';
import { Stopwatch } from '../rollout/stopwatch.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Crashes } from './crashes.ts';
import type { Mailbox } from './mailbox.ts';
import type { Pace } from './pace.ts';
import { endOf, endOfHandsOff } from './pass-end.ts';
import { passEvent, type Report } from './pass-report.ts';
import type { Pause } from './pause.ts';
import type { ReloadWaits } from './reload-waits.ts';
import type { Trees } from './trees.ts';
import type { Turns } from './turns.ts';

export interface PassParts {
  readonly mailbox: Mailbox;
  readonly served: ServedTree;
  readonly trees: Pick<Trees, 'hashes'>;
  readonly drawing: Drawing;
  readonly rollout: Rollout;
  readonly haproxy: HaproxyWatch;
  readonly drift: Drift;
  readonly pause: Pause | undefined;
  readonly waits: ReloadWaits;
  readonly mending: Mend;
  readonly quarantine: Quarantine;
  readonly runtime: RuntimePath | undefined;
  readonly recorder: Recorder;
  readonly pace: Pace;
  readonly turns: Turns;
  readonly crashes: Crashes;
  readonly emit: Emit;
}

/** The passes of the loop, one after the other. A pass that throws is a failed pass. */
export class Passes {
  readonly #parts: PassParts;
  readonly #crashRetry = new BackOff();
  #retryAt = Number.POSITIVE_INFINITY;
  #lastError: string | null = null;

  constructor(parts: PassParts) {
    this.#parts = parts;
  }

  /** When the next one is due without any mail, in milliseconds of `clock.now()`; Infinity where none is. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** One pass, from what is believed to traffic. */
  async pass(triggers: readonly string[], signal: AbortSignal): Promise<void> {
    const { pace, turns, haproxy, recorder } = this.#parts;
    const at: Pass = { watch: new Stopwatch(turns), why: new Set(triggers), signal };
    this.#retryAt = Number.POSITIVE_INFINITY;
    haproxy.hold();
    for (let next: Next = 'again'; next === 'again' && !signal.aborted; ) {
      try {
        next = await this.#try(at);
        if (next === 'done' && !recorder.isBusy) {
          this.#crashRetry.succeeded();
        }
      } catch (error) {
        if (!signal.aborted) {
          next = await this.#crashed(error, at);
        }
      }
    }
    pace.settled();
    await turns.step('asking HAProxy', () => haproxy.release(signal));
  }

  /** What is drawn now, as far as it comes: `again` where something else is to be drawn at once. */
  async #try({ watch, why, signal }: Pass): Promise<Next> {
    const { served, drawing, rollout, recorder, quarantine, waits, turns, pause, drift, haproxy } =
      this.#parts;
    turns.turn();
    this.#takeMail(why);
    const paused = pause?.now ?? null;
    if (paused) {
      await this.#idle();
    }
    // A pause of the fleet is only known with the tree.
    const settle = () => drift.settle();
    const unsettled = paused || !served.hasTree ? null : await turns.step('putting the file right', settle);
    const drawn = await watch.time('render', () => drawing.draw(rollout.installedText));
    const state = await turns.step('asking HAProxy', () => haproxy.ask(signal));
    if (signal.aborted) {
      return 'done';
    }
    // It was drawn for another HAProxy.
    if (state.kind === 'running' && drawing.runsOn(state.version)) {
      return 'again';
    }
    if (paused || unsettled) {
      drawing.tell(drawn);
      if (unsettled) {
        this.#retryAt = clock.now() + unsettled.retryInMs;
      }
      const text = drawn.kind === 'text' ? drawn.text : null;
      if (paused) {
        await turns.step('beginning a pause', async () => pause?.holds());
      }
      return this.#report({ watch, why, need: undefined, end: endOfHandsOff(paused, unsettled), text });
    }
    if (drawn.kind === 'template-error' && (await this.#resolve(drawn, watch, signal))) {
      return 'again';
    }
    drawing.tell(drawn);
    if (drawn.kind !== 'text') {
      if (drawn.kind === 'template-error') {
        await this.#mendUnlessAhead(state, watch, signal);
      }
      return this.#report({ watch, why, need: undefined, end: endOf(drawn), text: null });
    }
    const { text } = drawn;
    const wanted = rollout.need(text, state);
    const unrecorded = recorder.take(text);
    if (unrecorded?.kind === 'crashed') {
      throw unrecorded.error;
    }
    if (unrecorded) {
      return this.#end({ result: unrecorded, need: wanted, text, state }, why, watch, signal);
    }
    const shelved = wanted.kind === 'nothing' ? 0 : rollout.shelvedFor(text);
    if (shelved > 0) {
      this.#retryAt = clock.now() + shelved;
      if (wanted.kind === 'publish') {
        await this.#mendUnlessAhead(state, watch, signal);
      }
      const end = { outcome: 'failed', error: this.#lastError } as const;
      return this.#report({ watch, why, need: wanted, end, text });
    }
    const need = await turns.step('changing servers', () =>
      this.#quickly(wanted, { text, state }, watch, signal),
    );
    if (signal.aborted) {
      return 'done';
    }
    if (need.kind === 'nothing' || need.kind === 'record') {
      const again = need === wanted && (need.kind === 'nothing' || recorder.isBusy);
      if (need.kind === 'nothing') {
        quarantine.accepted();
      } else {
        rollout.ranAhead(text);
      }
      if (need.kind === 'record' || recorder.isBusy) {
        recorder.record(text);
      }
      const end = { outcome: again ? 'unchanged' : 'runtime', error: null } as const;
      return this.#report({ watch, why, need: need.kind === 'record' ? need : wanted, end, text });
    }
    // What went out without a reload need not wait for it.
    if (rollout.ahead && waits.isEarly) {
      recorder.record(rollout.ahead.text);
    }
    if (state.kind !== 'away' && (await waits.pace(watch, signal))) {
      return 'again';
    }
    if (need.kind === 'publish' && (await waits.workers(state, watch, signal))) {
      return 'again';
    }
    if (signal.aborted) {
      return 'done';
    }
    if (pause?.now) {
      return 'again';
    }
    const result = await turns.step('the reload', () => this.#roll(need, text, watch, signal));
    if (signal.aborted && result.kind === 'failed') {
      return 'done';
    }
    return this.#end({ result, need, text, state }, why, watch, signal);
  }

  /** A pass that threw is a failed pass: what brought it is looked for, and set aside as if it had been refused. */
  async #crashed(thrown: unknown, { watch, why, signal }: Pass): Promise<Next> {
    const error = asError(thrown);
    const retryInMs = this.#crashRetry.failed();
    await this.#parts.crashes.tell('a pass', error, retryInMs);
    try {
      if (await this.#resolve({ kind: 'crashed', error }, watch, signal)) {
        return 'again';
      }
    } catch (another) {
      if (!signal.aborted) {
        await this.#parts.crashes.tell('looking for what made a pass fail', another);
      }
    }
    this.#retryAt = clock.now() + retryInMs;
    const words = error instanceof PointsmanError ? error.message : `a bug: ${shorten(String(error), 500)}`;
    const end = { outcome: 'failed', error: words } as const;
    return this.#report({ watch, why, need: undefined, end, text: null });
  }

  /** What comes of a text's way to the file and to HAProxy. */
  async #end(done: Done, why: ReadonlySet<string>, watch: Stopwatch, signal: AbortSignal): Promise<Next> {
    const { result, need, text, state } = done;
    if (result.kind === 'refused' && (await this.#resolve({ ...result, text }, watch, signal))) {
      return 'again';
    }
    if ('retryInMs' in result) {
      this.#retryAt = clock.now() + result.retryInMs;
    } else {
      this.#parts.quarantine.accepted();
    }
    await this.#idle();
    if (result.kind === 'refused') {
      await this.#takeBack(state, watch, signal);
    }
    // Not the text itself: that is tried again after its pause.
    else if (this.#parts.rollout.ahead && this.#parts.rollout.ahead.text !== text) {
      this.#parts.recorder.record(this.#parts.rollout.ahead.text);
    }
    this.#parts.recorder.look();
    return this.#report({ watch, why, need, end: endOf(result), text });
  }

  #idle(): Promise<void> {
    return this.#parts.turns.step('the file', () => this.#parts.recorder.idle());
  }

  /** Does at run time what can be done so, and gives what is left. */
  async #quickly(need: Need, step: Step, watch: Stopwatch, signal: AbortSignal): Promise<Need> {
    if (need.kind === 'nothing' || !this.#parts.runtime) {
      return need;
    }
    return this.#parts.runtime.apply(need, step, watch, signal);
  }

  /** A text was refused. HAProxy goes back to the installed one where it was ahead, or runs neither. */
  async #takeBack(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const back = await this.#parts.runtime?.takeBack(watch, signal);
    if (back?.kind !== 'done') {
      await this.#mend(back?.state ?? state, watch, signal);
    }
  }

  /** What HAProxy is ahead with is on its way to the file. */
  async #mendUnlessAhead(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    await this.#idle();
    if (this.#parts.rollout.ahead === null) {
      await this.#mend(state, watch, signal);
    }
  }

  async #mend(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const due = await this.#parts.turns.step('the reload', () =>
      this.#parts.mending.settle(state, watch, signal),
    );
    this.#retryAt = Math.min(this.#retryAt, due);
  }

  /** Sets aside what is refused. True where that changed what is to be drawn. */
  async #resolve(refusal: Refusal, watch: Stopwatch, signal: AbortSignal): Promise<boolean> {
    await this.#idle();
    const { kind } = await watch.time('quarantine', () => this.#parts.quarantine.resolve(refusal, signal));
    return kind === 'again' && !signal.aborted;
  }

  #takeMail(why: Set<string>): void {
    const mail = this.#parts.mailbox.take();
    if (!mail) {
      return;
    }
    this.#parts.pace.took(mail);
    for (const trigger of mail.triggers) {
      why.add(trigger);
    }
  }

  async #roll(need: Need, text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    await this.#parts.recorder.idle();
    try {
      const isThere = need.kind === 'load' && this.#parts.rollout.installedText === text;
      if (!isThere) {
        return await this.#parts.rollout.roll(text, watch, signal);
      }
      return await this.#parts.rollout.load(text, { watch, signal, before: null });
    } finally {
      this.#parts.waits.reloaded();
    }
  }

  #report(report: Report): 'done' {
    this.#lastError = report.end.error;
    this.#parts.haproxy.made(this.#parts.rollout.applied);
    const { served, trees, drawing, rollout, emit } = this.#parts;
    const seen = { counts: served.counts, hashes: trees.hashes };
    emit(passEvent(report, { served: seen, drawing, applied: rollout.applied }));
    return 'done';
  }
}

/** A pass that is under way. */
interface Pass {
  readonly watch: Stopwatch;
  readonly why: Set<string>;
  readonly signal: AbortSignal;
}

type Next = 'again' | 'done';

/** A text that was on its way, and what came of it. */
interface Done extends Step {
  readonly result: RollResult;
  readonly need: Need;
}
