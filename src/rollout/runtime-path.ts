import type { Emit } from '../events.ts';
import { hashText } from '../plan/mark.ts';
import { NO_OTHER_FILES, type OtherFiles } from '../plan/other-files.ts';
import { describeReasons } from '../plan/plan.ts';
import { Planner } from '../plan/planner.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Batch, Runtime, Usability } from '../ports/runtime.ts';
import type { Need } from './need.ts';
import type { Rollout } from './rollout.ts';
import type { Stopwatch } from './stopwatch.ts';

export interface RuntimePathOptions {
  readonly runtime: Pick<Runtime, 'usable' | 'apply'>;
  /** `apply.newServers` */
  readonly newServers: 'up' | 'checked';
  /** `apply.drain`, in milliseconds. */
  readonly drain: number;
  readonly rollout: Rollout;
  /** Asks HAProxy now. */
  readonly ask: (signal: AbortSignal) => Promise<HaproxyState>;
  readonly emit: Emit;
}

/** Something is to be done. */
export type Work = Exclude<Need, { kind: 'nothing' }>;

/** What came of taking a text back: HAProxy runs the installed one, or what it says of itself now. */
export type TakenBack =
  | { readonly kind: 'done' }
  | { readonly kind: 'not done'; readonly state: HaproxyState | null };

/** A text for a HAProxy that is in this state. */
export interface Step {
  readonly text: string;
  readonly state: HaproxyState;
}

/**
 * Changes servers of the running worker where that is all that a new text needs. The plan is made on the two texts,
 * so it serves any template; anything that is not understood is a reload.
 */
export class RuntimePath {
  readonly #options: RuntimePathOptions;
  #planner: Planner | null = null;
  #version: string | null = null;
  #otherFiles: OtherFiles = NO_OTHER_FILES;
  /** The worker that was asked whether its servers can be changed, and what it said. */
  #asked: { readonly pid: number; readonly answer: Exclude<Usability, { kind: 'away' }> } | null = null;
  /** Told once. */
  #told: string | null = null;

  constructor(options: RuntimePathOptions) {
    this.#options = options;
  }

  /**
   * Gives what is left to be done: `record` where HAProxy runs the text by now, so that only the file has to follow;
   * `nothing` where the file held it already; else a reload, with all of the reasons for it.
   */
  async apply(need: Work, step: Step, watch: Stopwatch, signal: AbortSignal): Promise<Need> {
    const { rollout } = this.#options;
    const { running } = rollout;
    const { text, state } = step;
    if (need.kind === 'record' || state.kind !== 'running') {
      return need;
    }
    if (running === null || running === text || state.mark === null) {
      return need;
    }
    const usable = await this.#usable(state.pid, signal);
    if (usable.kind !== 'yes') {
      return need;
    }
    const planner = this.#plannerOf(running, state.version, usable.otherFiles);
    const plan = await watch.time('plan', async () => planner.plan(text));
    const of = { pid: state.pid, mark: state.mark };
    if (plan.kind === 'reload') {
      const reasons = describeReasons(plan);
      // Only a file that is still to be written may take a step in between.
      const trouble =
        need.kind === 'publish' ? await this.#goPart({ planner, text, of }, watch, signal) : null;
      return { kind: need.kind, reasons: trouble === null ? reasons : [...reasons, trouble] };
    }
    const commands = plan.kind === 'runtime' ? plan.commands : [];
    const trouble = await this.#go(commands, { planner, text, of }, watch, signal);
    if (trouble !== null) {
      return { kind: need.kind, reasons: [trouble] };
    }
    if (need.kind === 'load') {
      return { kind: 'nothing' };
    }
    return { kind: 'record', reasons: plan.kind === 'runtime' ? [countOf(commands.length)] : [] };
  }

  /** Plans the way to a text as `apply` does, and does nothing. Throws what is a bug. */
  tryPlan(text: string): void {
    const { running } = this.#options.rollout;
    if (running === null || running === text) {
      return;
    }
    const planner = this.#plannerOf(running, this.#version, this.#otherFiles);
    if (planner.plan(text).kind === 'reload') {
      planner.partOf(text);
    }
  }

  /** What of a text that needs a reload can go out before it does so now. Null, or why it went wrong. */
  async #goPart(to: Target, watch: Stopwatch, signal: AbortSignal): Promise<string | null> {
    const part = to.planner.partOf(to.text);
    return part && this.#go(part.commands, { ...to, text: part.text }, watch, signal);
  }

  /** Has the worker do it. Null when HAProxy runs the text, else why it does not. */
  async #go(
    commands: Batch['commands'],
    to: Target,
    watch: Stopwatch,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { newServers, drain, runtime, rollout } = this.#options;
    const { planner, text, of } = to;
    const batch = { commands, expected: of, mark: hashText(text), newServers, drain };
    // Where it breaks off nobody knows what was done.
    const outcome = await watch
      .time('apply', () => runtime.apply(batch, signal))
      .catch((error: unknown) => {
        rollout.trust.distrust(of.pid, 'a change at run time broke off');
        throw error;
      });
    switch (outcome.kind) {
      case 'applied':
        planner.moveTo(text);
        rollout.ranAhead(text);
        return null;
      case 'surprise': {
        const reason = `a change at run time went otherwise than expected: ${outcome.reason}`;
        rollout.trust.distrust(of.pid, reason);
        return reason;
      }
      case 'away':
        return `the Runtime API cannot be used: ${outcome.cause}`;
    }
  }

  /** HAProxy was ahead of the file with a text that was refused: it goes back to the installed one. */
  async takeBack(watch: Stopwatch, signal: AbortSignal): Promise<TakenBack> {
    const { rollout, ask } = this.#options;
    const { installedText: text, running } = rollout;
    if (text === null || running === null || running === text) {
      return { kind: 'not done', state: null };
    }
    const state = await ask(signal);
    const left = await this.apply({ kind: 'publish', reasons: [] }, { text, state }, watch, signal);
    return left.kind === 'record' ? { kind: 'done' } : { kind: 'not done', state: await ask(signal) };
  }

  #plannerOf(running: string, version: string | null, otherFiles: OtherFiles): Planner {
    const same = this.#version === version && this.#otherFiles === otherFiles;
    if (same && this.#planner?.text === running) {
      return this.#planner;
    }
    this.#version = version;
    this.#otherFiles = otherFiles;
    this.#planner = new Planner(running, { version, otherFiles });
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
    const trouble = answer.kind === 'no' ? answer.reason : whyUnread(answer.otherFiles);
    if (trouble !== null && trouble !== this.#told) {
      this.#options.emit({ kind: 'notice', message: trouble });
    }
    this.#told = trouble;
    return answer;
  }
}

function whyUnread(files: OtherFiles): string | null {
  return files.kind === 'unread' ? `every change of servers is a reload: ${files.why}` : null;
}

function countOf(commands: number): string {
  return `${commands} ${commands === 1 ? 'change' : 'changes'} of servers`;
}

/** A text that a worker is to run. */
interface Target {
  readonly planner: Planner;
  readonly text: string;
  readonly of: Batch['expected'];
}
