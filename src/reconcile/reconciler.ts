import { clock } from '../ports/clock.ts';
import { CachingJudge } from '../quarantine/caching-judge.ts';
import { Quarantine } from '../quarantine/quarantine.ts';
import { Drift } from '../rollout/drift.ts';
import { HaproxyWatch } from '../rollout/haproxy-watch.ts';
import { Mend } from '../rollout/mend.ts';
import { ReadBackWatch } from '../rollout/read-back-watch.ts';
import { Recorder } from '../rollout/recorder.ts';
import { Rollout } from '../rollout/rollout.ts';
import { RuntimePath } from '../rollout/runtime-path.ts';
import { WorkerCap } from '../rollout/worker-cap.ts';
import { Crashes } from './crashes.ts';
import { endedBy } from './ended-by.ts';
import { watchGuard } from './guard-watch.ts';
import { type Mail, Mailbox } from './mailbox.ts';
import { Pace } from './pace.ts';
import { Passes } from './passes.ts';
import { Pause } from './pause.ts';
import type { ReconcilerOptions } from './reconciler-options.ts';
import { ReloadWaits } from './reload-waits.ts';
import { followSource } from './source-follower.ts';
import { followTemplates } from './template-follower.ts';
import { Trees } from './trees.ts';
import { TURN_MS, Turns } from './turns.ts';

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
  readonly #trees: Trees;
  readonly #mailbox = new Mailbox();
  readonly #pace: Pace;
  readonly #rollout: Rollout;
  readonly #haproxy: HaproxyWatch;
  readonly #drift: Drift;
  readonly #pause: Pause | undefined;
  readonly #quarantine: Quarantine;
  readonly #runtime: RuntimePath | undefined;
  readonly #recorder: Recorder;
  readonly #readBack: ReadBackWatch | undefined;
  readonly #turns: Turns;
  readonly #crashes: Crashes;
  readonly #passes: Passes;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#trees = new Trees(options);
    this.#pace = new Pace(options.pace);
    this.#turns = new Turns(options.stepLimit);
    const { file, emit, pause, served, drawing, maxOldWorkers: most = Number.POSITIVE_INFINITY } = options;
    const [mailbox, turns] = [this.#mailbox, this.#turns];
    const judge = new CachingJudge(options);
    const rollout = new Rollout({ ...options, judge });
    this.#rollout = rollout;
    const { crashFile: crash } = options;
    this.#crashes = new Crashes({ emit, served, rollout, ...(crash ? { file: crash } : {}) });
    this.#haproxy = new HaproxyWatch({ control: options.haproxy, rollout, drawing, mailbox, emit });
    this.#drift = new Drift({ file, rollout, mailbox, idle: () => this.#recorder.idle(), emit });
    const waits = new ReloadWaits({ pace: this.#pace, cap: new WorkerCap({ most, emit }), turns, mailbox });
    this.#pause =
      pause &&
      new Pause({
        ...{ notes: pause.notes, keys: () => this.#trees.raw.lookUp(pause.keys), mailbox, emit },
        hold: async (held) => options.runtime?.runtime.hold?.(held),
      });
    const ask = (signal: AbortSignal) => this.#haproxy.ask(signal);
    this.#runtime = options.runtime && new RuntimePath({ ...options.runtime, rollout, ask, emit });
    const parts = { served, drawing, judge, rollout, mailbox, emit };
    const plan = (text: string) => this.#runtime?.tryPlan(text);
    const onBug = (where: string, error: unknown) => void this.#crashes.tell(where, error);
    this.#quarantine = new Quarantine({ ...options.quarantine, ...parts, plan, onBug });
    const onRecorded = (text: string) => {
      if (text === drawing.drawn) {
        this.#quarantine.accepted();
      }
    };
    this.#recorder = new Recorder({ ...parts, onRecorded });
    this.#readBack = options.runtime && new ReadBackWatch({ ...options.runtime, ...parts });
    this.#passes = new Passes({
      ...{
        mailbox,
        served,
        trees: this.#trees,
        drawing,
        rollout,
        waits,
        turns,
        emit,
        mending: new Mend(rollout),
        pace: this.#pace,
      },
      ...{ haproxy: this.#haproxy, drift: this.#drift, pause: this.#pause, quarantine: this.#quarantine },
      ...{ runtime: this.#runtime, recorder: this.#recorder, crashes: this.#crashes },
    });
  }

  /** When the loop last turned, and what it is at work on for too long. */
  get turns(): Pick<Turns, 'last' | 'overdue'> {
    return this.#turns;
  }

  /**
   * Runs until `signal` aborts, and then ends within 2 s, whatever is at work. Throws what the start cannot do
   * without; what is a bug later on fails its part alone.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { emit, source, templates, drawing, guard } = this.#options;
    const trees = this.#trees;
    await this.#rollout.open();
    await this.#drift.open();
    await this.#pause?.look();
    await this.#quarantine.open();
    this.#quarantine.served(await trees.open(this.#rollout.installedText === null ? 'none' : 'installed'));
    const [mailbox, crashes, quarantine] = [this.#mailbox, this.#crashes, this.#quarantine];
    const begin = (where: string, work: (until: AbortSignal) => Promise<void>) =>
      crashes.keepGoing(where, work, signal);
    const followers = [
      begin('the loop', (until) => this.#loop(until)),
      begin('following the sources', (until) =>
        followSource({ source, trees, mailbox, quarantine, emit }, until),
      ),
      guard &&
        begin('the guard', (until) =>
          watchGuard({ trees, store: guard.store, mailbox, quarantine, emit }, until),
        ),
      begin('following the templates', (until) =>
        followTemplates({ templates, drawing, mailbox, emit }, until),
      ),
      begin('following the file', (until) => this.#drift.follow(until)),
      this.#pause && begin('looking for a pause', (until) => this.#pause?.follow(until) ?? NOTHING),
      begin('the quarantine', (until) => quarantine.follow(until)),
      begin('recording the file', (until) => this.#recorder.follow(until)),
      begin("reading HAProxy's servers back", (until) => this.#readBack?.follow(until) ?? NOTHING),
      this.#options.target === 'haproxy' &&
        begin('following HAProxy', (until) => this.#haproxy.follow(until)),
    ];
    emit({ kind: 'started' });
    await endedBy(signal, Promise.all(followers), END_MS);
    await endedBy(signal, trees.close(), END_MS);
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#turns.turn();
      const mail = this.#mailbox.peek();
      const until = mail ? this.#due(mail) : this.#passes.retryAt;
      const pause = until - clock.now();
      if (pause > 0) {
        await this.#mailbox.wait(Math.min(TURN_MS, pause), signal);
      } else {
        await this.#passes.pass(mail?.triggers ?? ['retry'], signal);
      }
    }
  }

  /** What may go out without a reload is looked at at once; a reload waits for its pace by itself. */
  #due(mail: Mail): number {
    return this.#runtime && this.#rollout.running !== null ? mail.firstAt : this.#pace.due(mail);
  }
}

/** Milliseconds after the signal in which what is at work may end. */
const END_MS = 1500;

const NOTHING = Promise.resolve();
