import { watchBelieved } from './believed-watch.ts';
import { Drift } from './drift.ts';
import { HaproxyWatch } from './haproxy-watch.ts';
import type { HaproxyState } from './interfaces.ts';
import { type Mail, Mailbox } from './mailbox.ts';
import { Mend } from './mend.ts';
import type { Need } from './need.ts';
import { Pace } from './pace.ts';
import { endOf, endOfHandsOff } from './pass-end.ts';
import { passEvent, type Report } from './pass-report.ts';
import { Pause } from './pause.ts';
import { Quarantine } from './quarantine.ts';
import type { Refusal } from './quarantine-trial.ts';
import { ReadBackWatch } from './read-back-watch.ts';
import type { ReconcilerOptions } from './reconciler-options.ts';
import { Recorder } from './recorder.ts';
import { ReloadWaits } from './reload-waits.ts';
import type { RollResult } from './roll-result.ts';
import { Rollout } from './rollout.ts';
import { RuntimePath, type Step } from './runtime-path.ts';
import { followSource } from './source-follower.ts';
import { Stopwatch } from './stopwatch.ts';
import { followTemplates } from './template-follower.ts';
import { TURN_MS, Turns } from './turns.ts';
import { VouchingJudge } from './vouching-judge.ts';
import { WorkerCap } from './worker-cap.ts';

/**
 * The loop: whatever happens says "look again", and each pass reads the whole, so that the last state always
 * wins.
 *
 *     idle --mail--> render --same--> idle
 *                      |differs
 *                      v
 *                    plan --servers--> Runtime API --> idle; beside it: check -> publish
 *                      |more                                               |refused: taken back
 *                      v
 *       render again <--newer mail-- pace --> check -> publish -> reload -> verify --> idle
 *                                               |refused, failed      |failed: last good file back
 *                                               +---- retry with growing pauses ----+
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #mailbox = new Mailbox();
  readonly #pace: Pace;
  readonly #rollout: Rollout;
  readonly #haproxy: HaproxyWatch;
  readonly #drift: Drift;
  readonly #pause: Pause | undefined;
  readonly #waits: ReloadWaits;
  readonly #mending: Mend;
  readonly #quarantine: Quarantine;
  readonly #runtime: RuntimePath | undefined;
  readonly #recorder: Recorder;
  readonly #readBack: ReadBackWatch | undefined;
  #retryAt = Number.POSITIVE_INFINITY;
  readonly #turns = new Turns();
  #lastError: string | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#pace = new Pace(options.pace);
    const { file, emit, pause, picture, maxOldWorkers: most = Number.POSITIVE_INFINITY } = options;
    const [mailbox, turns] = [this.#mailbox, this.#turns];
    const judge = new VouchingJudge(options);
    const rollout = new Rollout({ ...options, judge });
    this.#rollout = rollout;
    this.#haproxy = new HaproxyWatch({ control: options.haproxy, rollout, picture, mailbox, emit });
    this.#drift = new Drift({ file, rollout, mailbox, idle: () => this.#recorder.idle(), emit });
    this.#mending = new Mend(rollout);
    this.#waits = new ReloadWaits({ pace: this.#pace, cap: new WorkerCap({ most, emit }), turns, mailbox });
    this.#pause =
      pause && new Pause({ notes: pause.notes, keys: () => picture.lookUp(pause.keys), mailbox, emit });
    const ask = (signal: AbortSignal) => this.#haproxy.ask(signal);
    this.#runtime = options.runtime && new RuntimePath({ ...options.runtime, rollout, ask, emit });
    const parts = { picture, judge, rollout, mailbox, emit };
    this.#quarantine = new Quarantine({ ...options.quarantine, ...parts });
    const onRecorded = (text: string) => {
      if (text === picture.drawn) this.#quarantine.accepted();
    };
    this.#recorder = new Recorder({ ...parts, onRecorded });
    this.#readBack = options.runtime && new ReadBackWatch({ ...options.runtime, ...parts });
  }

  /** When the loop last turned, in milliseconds of `performance.now()`. */
  get lastTurn(): number {
    return this.#turns.last;
  }

  /** Runs until `signal` aborts. Throws what is a bug, and what the start cannot do without. */
  async run(signal: AbortSignal): Promise<void> {
    const { emit, source, templates, picture, believed, haproxy: control } = this.#options;
    await this.#rollout.open();
    await this.#drift.open();
    await this.#pause?.look();
    await this.#quarantine.open();
    await believed?.open(this.#rollout.installedText === null ? 'none' : 'installed');
    const mailbox = this.#mailbox;
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    // Whatever waits rejects when it is told to stop: that is no failure.
    const quiet = (work: Promise<void>) =>
      work.catch((error: unknown) => {
        if (!both.aborted) throw error;
      });
    const followers = [
      this.#loop(both),
      followSource({ source, picture, believed, mailbox, emit }, both),
      ...(believed ? [watchBelieved({ believed, control, mailbox, emit }, both)] : []),
      followTemplates({ templates, picture, mailbox, emit }, both),
      this.#drift.follow(both),
      ...(this.#pause ? [this.#pause.follow(both)] : []),
      this.#quarantine.follow(both),
      this.#recorder.follow(both),
      ...(this.#readBack ? [this.#readBack.follow(both)] : []),
      ...(this.#options.target === 'haproxy' ? [this.#haproxy.follow(both)] : []),
    ].map(quiet);
    emit({ kind: 'started' });
    try {
      await Promise.all(followers);
    } finally {
      ended.abort();
      await Promise.allSettled(followers);
      await believed?.close();
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#turns.turn();
      const mail = this.#mailbox.peek();
      const until = mail ? this.#due(mail) : this.#retryAt;
      const pause = until - performance.now();
      if (pause > 0) await this.#mailbox.wait(Math.min(TURN_MS, pause), signal);
      else await this.#pass(mail?.triggers ?? ['retry'], signal);
    }
  }

  /** What may go out without a reload is looked at at once; a reload waits for its pace by itself. */
  #due(mail: Mail): number {
    return this.#runtime && this.#rollout.running !== null ? mail.firstAt : this.#pace.due(mail);
  }

  async #pass(triggers: readonly string[], signal: AbortSignal): Promise<void> {
    const watch = new Stopwatch();
    const why = new Set(triggers);
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#haproxy.hold();
    for (;;) {
      this.#turns.turn();
      this.#takeMail(why);
      const { picture } = this.#options;
      const paused = this.#pause?.now ?? null;
      if (paused) await this.#recorder.idle();
      // A pause of the fleet is only known with the tree.
      const unsettled = paused || !picture.hasTree ? null : await this.#drift.settle();
      const drawn = await watch.time('render', () => picture.draw(this.#rollout.installedText));
      const state = await this.#haproxy.ask(signal);
      if (signal.aborted) return;
      // It was drawn for another HAProxy.
      if (state.kind === 'running' && picture.runsOn(state.version)) continue;
      if (paused || unsettled) {
        picture.tell(drawn);
        if (unsettled) this.#retryAt = performance.now() + unsettled.retryInMs;
        const text = drawn.kind === 'text' ? drawn.text : null;
        this.#report({ watch, why, need: undefined, end: endOfHandsOff(paused, unsettled), text });
        break;
      }
      if (drawn.kind === 'template-error' && (await this.#resolve(drawn, watch, signal))) continue;
      picture.tell(drawn);
      if (drawn.kind !== 'text') {
        if (drawn.kind === 'template-error') await this.#mendUnlessAhead(state, watch, signal);
        this.#report({ watch, why, need: undefined, end: endOf(drawn), text: null });
        break;
      }
      const { text } = drawn;
      const wanted = this.#rollout.need(text, state);
      const unrecorded = this.#recorder.take(text);
      if (unrecorded) {
        if (await this.#end({ result: unrecorded, need: wanted, text, state }, why, watch, signal)) continue;
        break;
      }
      const shelved = wanted.kind === 'nothing' ? 0 : this.#rollout.shelvedFor(text);
      if (shelved > 0) {
        this.#retryAt = performance.now() + shelved;
        if (wanted.kind === 'publish') await this.#mendUnlessAhead(state, watch, signal);
        this.#report({ watch, why, need: wanted, end: { outcome: 'failed', error: this.#lastError }, text });
        break;
      }
      const need = await this.#turns.beating(() => this.#quickly(wanted, { text, state }, watch, signal));
      if (signal.aborted) return;
      if (need.kind === 'nothing' || need.kind === 'record') {
        const again = need === wanted && (need.kind === 'nothing' || this.#recorder.isBusy);
        if (need.kind === 'nothing') this.#quarantine.accepted();
        else this.#rollout.ranAhead(text);
        if (need.kind === 'record' || this.#recorder.isBusy) this.#recorder.record(text);
        const end = { outcome: again ? 'unchanged' : 'runtime', error: null } as const;
        this.#report({ watch, why, need: need.kind === 'record' ? need : wanted, end, text });
        break;
      }
      // What went out without a reload need not wait for it.
      if (this.#rollout.ahead && this.#waits.isEarly) this.#recorder.record(this.#rollout.ahead.text);
      if (state.kind === 'running' && (await this.#waits.pace(watch, signal))) continue;
      if (need.kind === 'publish' && (await this.#waits.workers(state, watch, signal))) continue;
      if (signal.aborted) return;
      if (this.#pause?.now) continue;
      const result = await this.#turns.beating(() => this.#roll(need, text, watch, signal));
      if (signal.aborted && result.kind === 'failed') return;
      if (await this.#end({ result, need, text, state }, why, watch, signal)) continue;
      break;
    }
    this.#pace.settled();
    await this.#haproxy.release(signal);
  }

  /** What comes of a text's way to the file and to HAProxy. True where something else is to be drawn at once. */
  async #end(done: Done, why: ReadonlySet<string>, watch: Stopwatch, signal: AbortSignal): Promise<boolean> {
    const { result, need, text, state } = done;
    if (result.kind === 'refused' && (await this.#resolve({ ...result, text }, watch, signal))) return true;
    if ('retryInMs' in result) this.#retryAt = performance.now() + result.retryInMs;
    else this.#quarantine.accepted();
    await this.#recorder.idle();
    if (result.kind === 'refused') await this.#takeBack(state, watch, signal);
    // Not the text itself: that is tried again after its pause.
    else if (this.#rollout.ahead && this.#rollout.ahead.text !== text) {
      this.#recorder.record(this.#rollout.ahead.text);
    }
    this.#recorder.look();
    this.#report({ watch, why, need, end: endOf(result), text });
    return false;
  }

  /** Does at run time what can be done so, and gives what is left. */
  async #quickly(need: Need, step: Step, watch: Stopwatch, signal: AbortSignal): Promise<Need> {
    if (need.kind === 'nothing' || !this.#runtime) return need;
    return this.#runtime.apply(need, step, watch, signal);
  }

  /** A text was refused. HAProxy goes back to the installed one where it was ahead, or runs neither. */
  async #takeBack(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const back = await this.#runtime?.takeBack(watch, signal);
    if (back?.kind !== 'done') await this.#mend(back?.state ?? state, watch, signal);
  }

  /** What HAProxy is ahead with is on its way to the file. */
  async #mendUnlessAhead(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    await this.#recorder.idle();
    if (this.#rollout.ahead === null) await this.#mend(state, watch, signal);
  }

  async #mend(state: HaproxyState, watch: Stopwatch, signal: AbortSignal): Promise<void> {
    const due = await this.#turns.beating(() => this.#mending.settle(state, watch, signal));
    this.#retryAt = Math.min(this.#retryAt, due);
  }

  /** Sets aside what is refused. True where that changed what is to be drawn. */
  async #resolve(refusal: Refusal, watch: Stopwatch, signal: AbortSignal): Promise<boolean> {
    await this.#recorder.idle();
    const find = () => this.#quarantine.resolve(refusal, signal);
    const { kind } = await this.#turns.beating(() => watch.time('quarantine', find));
    return kind === 'again' && !signal.aborted;
  }

  #takeMail(why: Set<string>): void {
    const mail = this.#mailbox.take();
    if (!mail) return;
    this.#pace.took(mail);
    for (const trigger of mail.triggers) why.add(trigger);
  }

  async #roll(need: Need, text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult> {
    await this.#recorder.idle();
    try {
      const isThere = need.kind === 'load' && this.#rollout.installedText === text;
      if (!isThere) return await this.#rollout.roll(text, watch, signal);
      return await this.#rollout.load(text, { watch, signal, before: null });
    } finally {
      this.#waits.reloaded();
    }
  }

  #report(report: Report): void {
    this.#lastError = report.end.error;
    this.#haproxy.made(this.#rollout.applied);
    this.#options.emit(passEvent(report, this.#options.picture, this.#rollout.applied));
  }
}

/** A text that was on its way, and what came of it. */
interface Done extends Step {
  readonly result: RollResult;
  readonly need: Need;
}
