import { alertsIn } from '../plan/blame.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Foreseen } from '../ports/judge.ts';
import { Serial } from '../ports/serial.ts';
import type { Wake } from '../ports/wake.ts';
import { CatchUp } from './catch-up.ts';
import { ConfigWriter, type ConfigWriterOptions } from './config-writer.ts';
import { runningSet, type Target, withLoaded } from './current.ts';
import { CurrentState } from './current-state.ts';
import type { Action } from './decide.ts';
import { Drift } from './drift.ts';
import type { ConfigSet, WayPart } from './facts.ts';
import { done, type PassEnd } from './pass-end.ts';
import { RuntimeChanges, type RuntimeChangesOptions } from './runtime-changes.ts';
import type { At } from './stopwatch.ts';
import { Troubles } from './troubles.ts';

export interface ExecutorOptions extends Omit<ConfigWriterOptions, 'current' | 'troubles' | 'queue'> {
  readonly haproxy: Pick<HaproxyControl, 'reload'>;
  readonly target: Target;
  /** Without it every change is a reload. */
  readonly runtime?: Omit<RuntimeChangesOptions, 'current' | 'emit'>;
  readonly mailbox: Wake;
  /** Gets what became the file beside the loop, since HAProxy runs it already. */
  readonly onRecorded: (set: ConfigSet) => void;
}

/** What touches the file or HAProxy. */
export type Deed = Exclude<Action, { kind: 'wait' | 'handsOff' | 'quarantine' | 'nothing' }>;

/** What came of an action. */
export type Result =
  /** The facts are others now: look again. `why`: the changes at run time are not to be tried again at once. */
  { readonly kind: 'again'; readonly why?: string } | PassEnd;

/**
 * Carries out what was decided: the one who writes the file and tells HAProxy something, one thing at a time. Knows
 * what is installed and what HAProxy was seen to run.
 */
export class Executor {
  readonly current: CurrentState;
  /** What holds sets back until their next try. */
  readonly troubles = new Troubles();
  /** What others do to the file. */
  readonly drift: Drift;
  readonly catchUp: CatchUp;
  /** Undefined where every change is a reload. */
  readonly changes: RuntimeChanges | undefined;
  /** Where those who write the file or tell HAProxy something take turns. */
  readonly queue = new Serial();
  readonly #options: ExecutorOptions;
  readonly #writer: ConfigWriter;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    const { target, runtime, emit } = options;
    this.current = new CurrentState(target, emit);
    const { current, troubles, queue } = this;
    this.#writer = new ConfigWriter({ ...options, current, troubles, queue });
    this.drift = new Drift({ ...options, current, writer: this.#writer });
    this.catchUp = new CatchUp({ ...options, current, troubles, writer: this.#writer });
    this.changes = runtime && new RuntimeChanges({ ...runtime, current, emit });
  }

  /** Reads what is installed. */
  async open(): Promise<void> {
    await this.#writer.open();
    await this.drift.open();
  }

  /** What is in the way of loading a text that the check cannot see. */
  foreseen(text: string, signal: AbortSignal): Promise<Foreseen | null> {
    return this.#writer.foreseen(text, signal);
  }

  /** Those of some `bind` lines that somebody is in the way of right now; null where that cannot be seen. */
  inTheWay(binds: readonly string[]): Promise<ReadonlySet<string> | null> {
    return this.#writer.inTheWay(binds);
  }

  /** Does it. What went wrong with a set is among the troubles. */
  carryOut(action: Deed, at: At): Promise<Result> {
    return at.watch.during(stepOf(action), () => this.#carryOut(action, at));
  }

  async #carryOut(action: Deed, at: At): Promise<Result> {
    switch (action.kind) {
      case 'putBack':
        await this.queue.run(() => this.drift.putRight());
        return again();
      case 'record':
        this.catchUp.record(action.set);
        return done('runtime', false);
      case 'runtime':
        return this.#runtime(action, at);
      case 'takeBack':
        return again(await this.#change(action, at));
      case 'publish':
        return this.#relieved(await this.#publish(action.set, at));
      case 'load':
        return this.#relieved(await this.#alone(() => this.#load(action.set, at)));
      case 'mend':
        return this.#mend(action.set, at);
      case 'reload':
        return this.#relieved(await this.#reload(action.set, at));
      default:
        return action satisfies never;
    }
  }

  /** Nothing is on its way to the file any more, and nobody else writes it or tells HAProxy something. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    await this.catchUp.idle();
    return this.queue.run(work);
  }

  /** What is desired went out: what held other sets back may be mended with it. */
  #relieved(result: Result): Result {
    if (result.kind === 'over' && result.outcome !== 'published-waiting') {
      this.troubles.clear();
    }
    return result;
  }

  async #runtime(action: Extract<Deed, { kind: 'runtime' }>, at: At): Promise<Result> {
    const why = await this.#change(action, at);
    if (why !== null || action.how === 'part') {
      return again(why);
    }
    const isFile = this.current.now.installed?.hash === action.set.hash;
    if (!isFile || this.catchUp.target !== null) {
      this.catchUp.record(action.set);
    }
    return done('runtime', isFile);
  }

  /** Null when HAProxy runs it, else why it does not. */
  async #change(part: WayPart, at: At): Promise<string | null> {
    const { changes } = this;
    return changes ? this.queue.run(() => changes.make(part, at)) : 'there is no Runtime API';
  }

  async #publish(set: ConfigSet, at: At): Promise<Result> {
    return (await this.#writer.checkAndWrite(set, at)) ? done('published') : again();
  }

  /** Checks, publishes, reloads and verifies, as one step. */
  async #reload(set: ConfigSet, at: At): Promise<Result> {
    await this.catchUp.idle();
    const before = this.current.now.fileText;
    const writer = this.#writer;
    if (!((await writer.check(set, at)) && (await writer.foresee(set, at.signal)))) {
      return again();
    }
    return this.#alone(async () => {
      await writer.owe(set.hash);
      return (await writer.publish(set, at.watch)) ? this.#load(set, at, before) : again();
    });
  }

  /** Has HAProxy load the installed file. If it does not, `before` is put back in the file's place. */
  async #load(set: ConfigSet, at: At, before: string | null = null): Promise<Result> {
    const { haproxy, emit } = this.#options;
    const running = runningSet(this.current.now)?.text ?? null;
    const outcome = await at.watch.time('reload', () => haproxy.reload(set.hash, at.signal, running));
    switch (outcome.kind) {
      case 'verified':
        this.current.replace((now) => withLoaded(now, set, outcome.pid));
        await this.#writer.accepted(set);
        return done(outcome.started ? 'started' : 'reloaded');
      case 'unverified':
        this.current.replace((now) => ({ ...now, applied: { kind: 'unverified', hash: set.hash } }));
        await this.#writer.accepted(set);
        return done('unverified');
      case 'away':
        this.current.replace((now) => ({ ...now, applied: { kind: 'unknown' } }));
        return { ...done('published-waiting'), error: outcome.cause };
      case 'failed': {
        const { message } = outcome;
        const { output, lines } = alertsIn(message, set.text);
        const isNamed = lines.length > 0;
        const retryInMs = this.troubles.add(
          set.hash,
          isNamed
            ? { kind: 'refused', by: 'reload', output, lines, judged: false }
            : { kind: 'failed', message },
        );
        emit({ kind: 'reload-failed', message, failures: this.troubles.failuresOf(set.hash), retryInMs });
        if (before !== null && before !== this.current.now.fileText) {
          await this.#writer.putBack(before);
        }
        if (this.current.now.installed?.hash !== set.hash) {
          await this.#writer.owe(null);
        }
        return again();
      }
      default:
        return outcome satisfies never;
    }
  }

  /** Tried again after a pause, also where HAProxy went away just then. */
  async #mend(set: ConfigSet, at: At): Promise<Result> {
    const result = await this.#alone(() => this.#load(set, at));
    if (result.kind === 'over' && result.outcome === 'published-waiting') {
      this.troubles.add(set.hash, { kind: 'failed', message: result.error ?? '' });
    }
    return again();
  }
}

function again(why: string | null = null): Result {
  return why === null ? { kind: 'again' } : { kind: 'again', why };
}

/** What `healthz` calls it where it takes too long. */
function stepOf(action: Deed): string {
  if (action.kind === 'putBack') {
    return 'putting the file right';
  }
  return 'commands' in action ? 'changing servers' : 'the reload';
}
