import type { Emit } from '../events.ts';
import type { ServerChange } from '../events-haproxy.ts';
import type { OtherFiles } from '../plan/other-files.ts';
import { describeReasons, type ServerCommand } from '../plan/plan.ts';
import { Planner } from '../plan/planner.ts';
import type { Runtime, Usability } from '../ports/runtime.ts';
import { runningSet, setOf, withDoubt, withRunAhead } from './current.ts';
import type { CurrentState } from './current-state.ts';
import type { ConfigSet, Way, WayPart } from './facts.ts';
import { causeOfPlan } from './reload-cause.ts';
import type { At } from './stopwatch.ts';

export interface RuntimeChangesOptions {
  readonly runtime: Pick<Runtime, 'usable' | 'apply'>;
  /** `apply.newServers` */
  readonly newServers: 'up' | 'checked';
  /** `apply.drain`, in milliseconds. */
  readonly drain: number;
  readonly current: CurrentState;
  readonly emit: Emit;
}

/** There is no way but a reload, for no reason of its own. */
export const NO_WAY: Way = { kind: 'unknown', reasons: [] };

/**
 * Changes servers of the running worker where that is all that a new text needs. The plan is made on the two texts,
 * so it serves any template; anything that is not understood is a reload.
 */
export class RuntimeChanges {
  readonly #options: RuntimeChangesOptions;
  /** From what the worker runs. */
  #planner: Planner | null = null;
  /** The worker that was asked whether its servers can be changed, and what it said. */
  #asked: { readonly pid: number; readonly answer: Exclude<Usability, { kind: 'away' }> } | null = null;
  /** Told once. */
  #told: string | null = null;

  constructor(options: RuntimeChangesOptions) {
    this.#options = options;
  }

  /** The way from what HAProxy runs to a set. */
  async wayTo(set: ConfigSet, { watch, signal }: At): Promise<Way> {
    const { now } = this.#options.current;
    const { haproxy } = now;
    const running = runningSet(now);
    if (running === null || running.hash === set.hash || haproxy.kind !== 'running') {
      return NO_WAY;
    }
    const usable = await this.#usable(haproxy.pid, signal);
    return usable.kind === 'yes'
      ? watch.time('plan', async () => wayOf(this.#plannerFrom(running.text), set))
      : NO_WAY;
  }

  /** Plans the way to a text, and does nothing. Throws what is a bug. */
  tryPlan(text: string): void {
    const running = runningSet(this.#options.current.now);
    if (running !== null && running.text !== text) {
      wayOf(this.#plannerFrom(running.text), setOf(text));
    }
  }

  /** Has the worker do it. Null when HAProxy runs the set, else why it does not. */
  async make({ set, commands }: WayPart, { watch, signal }: At): Promise<string | null> {
    const { newServers, drain, runtime, current } = this.#options;
    const { haproxy } = current.now;
    if (haproxy.kind !== 'running' || haproxy.mark === null) {
      return 'the Runtime API cannot be used: HAProxy went away';
    }
    const { pid, mark } = haproxy;
    const distrust = (why: string) => current.replace((now) => withDoubt(now, pid, why));
    const batch = { commands, expected: { pid, mark }, mark: set.hash, newServers, drain };
    // Where it breaks off nobody knows what was done.
    const outcome = await watch
      .time('apply', () => runtime.apply(batch, signal))
      .catch((error: unknown) => {
        distrust('a change at run time broke off');
        throw error;
      });
    switch (outcome.kind) {
      case 'applied':
        this.#planner?.moveTo(set.text);
        current.replace((now) => withRunAhead(now, set));
        if (commands.length > 0) {
          this.#options.emit({ kind: 'servers-changed', changes: countByKind(commands) });
        }
        return null;
      case 'surprise': {
        const reason = `a change at run time went otherwise than expected: ${outcome.reason}`;
        distrust(reason);
        return reason;
      }
      case 'away':
        return `the Runtime API cannot be used: ${outcome.cause}`;
      default:
        return outcome satisfies never;
    }
  }

  #plannerFrom(running: string): Planner {
    if (this.#planner?.text !== running) {
      const answer = this.#asked?.answer;
      this.#planner = new Planner(running, answer?.kind === 'yes' ? answer : { version: null });
    }
    return this.#planner;
  }

  /** Asked once for each worker; what it says is told once. */
  async #usable(pid: number, signal: AbortSignal): Promise<Usability> {
    if (this.#asked?.pid === pid) {
      return this.#asked.answer;
    }
    const answer = await this.#options.runtime.usable(signal);
    if (answer.kind === 'away') {
      return answer;
    }
    this.#asked = { pid, answer };
    this.#planner = null;
    const trouble = answer.kind === 'no' ? answer.reason : whyUnread(answer.otherFiles);
    if (trouble !== null && trouble !== this.#told) {
      this.#options.emit({ kind: 'notice', message: trouble });
    }
    this.#told = trouble;
    return answer;
  }
}

function wayOf(planner: Planner, { text }: ConfigSet): Way {
  const plan = planner.plan(text);
  switch (plan.kind) {
    case 'unchanged':
      return { kind: 'runtime', commands: [], reasons: [] };
    case 'runtime':
      return { kind: 'runtime', commands: plan.commands, reasons: [countOf(plan.commands.length)] };
    case 'reload': {
      const part = planner.partOf(text);
      return {
        kind: 'reload',
        part: part && { set: setOf(part.text), commands: part.commands },
        reasons: describeReasons(plan),
        cause: causeOfPlan(plan.reasons),
      };
    }
    default:
      return plan satisfies never;
  }
}

function countByKind(commands: readonly ServerCommand[]): Partial<Record<ServerChange, number>> {
  const counts: Partial<Record<ServerChange, number>> = {};
  for (const { kind } of commands) {
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function whyUnread(files: OtherFiles): string | null {
  return files.kind === 'unread' ? `every change of servers is a reload: ${files.why}` : null;
}

function countOf(commands: number): string {
  return `${commands} ${commands === 1 ? 'change' : 'changes'} of servers`;
}
