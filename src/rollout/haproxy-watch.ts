import type { HaproxyControl, HaproxyState } from '../ports/haproxy.ts';
import { doubtNow, expectedMark, type Following, installedMark, withAnswer } from './current.ts';
import type { Drawing } from './drawing.ts';

export interface HaproxyWatchOptions extends Following {
  readonly control: HaproxyControl;
  /** What is drawn may depend on the version of HAProxy. */
  readonly drawing: Pick<Drawing, 'runsOn'>;
}

/**
 * Follows what HAProxy says of itself. HAProxy may start later, go away for a while, or run another text than
 * the file's: each is a state, told once, and wakes the loop where there is something to do. While a pass is at
 * work, what is seen is only remembered: half of a reload looks like a drift.
 */
export class HaproxyWatch {
  readonly #options: HaproxyWatchOptions;
  /** What was told last. */
  #told: HaproxyState | undefined;
  #held = false;
  #missed = false;
  #passes = 0;

  constructor(options: HaproxyWatchOptions) {
    this.#options = options;
  }

  /** Follows it until `signal` aborts; in `managed` it first starts HAProxy from a file of ours, if there is one. */
  async follow(signal: AbortSignal): Promise<void> {
    const { control, current } = this.#options;
    if (installedMark(current.now) !== null && control.start) {
      this.#see(await control.start(signal));
    }
    for await (const state of control.watch(signal)) {
      await this.#take(state, signal);
    }
  }

  /**
   * What is told may have been seen in the middle of a pass that is over by now: what looks like a drift is asked anew,
   * until no pass has come in between.
   */
  async #take(told: HaproxyState, signal: AbortSignal): Promise<void> {
    let state = told;
    const isOther = () => differs(state, expectedMark(this.#options.current.now));
    for (let passes = -1; !this.#held && passes !== this.#passes && isOther(); ) {
      passes = this.#passes;
      state = await this.#options.control.state(signal);
    }
    if (this.#held) {
      this.#missed = true;
    } else {
      this.#see(state);
    }
  }

  /** Asks now. */
  async ask(signal: AbortSignal): Promise<HaproxyState> {
    const state = await this.#options.control.state(signal);
    this.#options.current.replace((now) => withAnswer(now, state));
    this.#tell();
    return state;
  }

  /** A pass of ours made it run something else: that is known before it is asked again. */
  made(): void {
    if (this.#told?.kind === 'running') {
      this.#tell();
    }
  }

  /** A pass begins. */
  hold(): void {
    this.#passes += 1;
    this.#held = true;
    this.#missed = false;
  }

  /** A pass ended: what was missed is looked up. */
  async release(signal: AbortSignal): Promise<void> {
    try {
      if (this.#missed && !signal.aborted) {
        this.#see(await this.#options.control.state(signal));
      }
    } finally {
      this.#held = false;
    }
  }

  #see(state: HaproxyState): void {
    const { current, drawing, mailbox, emit } = this.#options;
    const { applied } = current.now;
    const [wasThere, isThere] = [(this.#told?.kind ?? 'away') !== 'away', state.kind !== 'away'];
    const expected = expectedMark(current.now);
    current.replace((now) => withAnswer(now, state));
    this.#tell();
    const drifted =
      state.kind === 'running' &&
      expected !== null &&
      (differs(state, expected) || doubtNow(current.now) !== null);
    if (drifted && applied.kind === 'verified') {
      emit({ kind: 'haproxy-drift', expected, found: state.mark });
    }
    if (state.kind === 'running' && drawing.runsOn(state.version)) {
      mailbox.post('HAProxy is of another version');
    }
    if (isThere !== wasThere) {
      mailbox.post(isThere ? 'HAProxy appeared' : 'HAProxy went away');
    } else if (drifted) {
      mailbox.post('HAProxy runs another text');
    }
  }

  #tell(): void {
    const { emit, current } = this.#options;
    const before = this.#told;
    const state = current.now.haproxy;
    this.#told = state;
    if (state.kind === 'away') {
      if (before?.kind !== 'away' || before.cause !== state.cause) {
        emit({ kind: 'haproxy-away', cause: state.cause });
      }
      return;
    }
    const why = whyUnseen(state);
    if (why !== undefined && why !== whyUnseen(before)) {
      emit({ kind: 'notice', message: `the Runtime API is not used, every change is a reload: ${why}` });
    }
    if (before === undefined || before.kind === 'away') {
      emit({ kind: 'haproxy-appeared', state });
    } else if (JSON.stringify(before) !== JSON.stringify(state)) {
      const { applied } = current.now;
      const verified = applied.kind === 'verified' ? { verified: applied.hash } : {};
      emit({ kind: 'haproxy-changed', state, ...verified });
    }
  }
}

function differs(state: HaproxyState, expected: string | null): boolean {
  return state.kind === 'running' && expected !== null && state.mark !== expected;
}

function whyUnseen(state: HaproxyState | undefined): string | undefined {
  return state?.kind === 'unseen' ? state.why : undefined;
}
