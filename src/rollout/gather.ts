import { clock } from '../ports/clock.ts';
import type { HaproxyControl, HaproxyState } from '../ports/haproxy.ts';
import type { BesideWorkers } from './beside-workers.ts';
import { aheadSet, doubtNow, installedMark, withAnswer, withRecognized } from './current.ts';
import { goalOf } from './decide.ts';
import type { Drawable, Drawing } from './drawing.ts';
import type { Executor } from './executor.ts';
import type { Desired, Facts, FileFact, Hold, Way } from './facts.ts';
import { NO_WAY } from './runtime-changes.ts';
import type { At } from './stopwatch.ts';

/** What the facts are gathered from. */
export interface FactSources {
  readonly executor: Executor;
  readonly haproxy: Pick<HaproxyControl, 'state'>;
  readonly drawing: Pick<Drawing, 'draw' | 'runsOn' | 'loadedBeside'>;
  readonly beside: BesideWorkers;
  readonly served: { readonly hasTree: boolean; toDraw(): Drawable };
  /** Is told what is drawn. @default nobody is */
  readonly account?: { drew(tree: Drawable): void };
  /** How long a reload has to wait. */
  readonly pace: { reloadDue(): number; workersMs(state: HaproxyState): number };
}

/** What one pass knows beside that, from one look to the next. */
export interface Look extends At {
  hold: Hold | null;
  /** What was drawn; null where it is to be drawn anew. */
  drawn: Desired | null;
  /** The quarantine was asked about a template error, and knows nothing better; it is asked again after `retryMs`. */
  judged: boolean;
  retryMs: number;
  /** Why changes at run time are not tried again in this pass. */
  noRuntime: string | null;
}

const OURS: FileFact = { kind: 'ours' };
const LATER: Desired = { kind: 'nothing', missing: 'the file is put right first' };

/** Gathers everything that a decision is made on: asks HAProxy, draws the text, plans the way to it. */
export async function gather(sources: FactSources, look: Look): Promise<Facts> {
  const { executor, haproxy, drawing, beside, served, pace } = sources;
  const { catchUp, troubles, current } = executor;
  const { hold, watch, signal } = look;
  // A pause of the fleet is only known with the tree.
  const file = hold || !served.hasTree ? OURS : executor.drift.fact;
  const state = await watch.during('asking HAProxy', () => haproxy.state(signal));
  current.replace((now) => withAnswer(now, state));
  if (state.kind === 'running') {
    const files = await watch.during('asking HAProxy', () => beside.newOf(state.pid, signal));
    const isOther = [drawing.runsOn(state.version), files !== null && drawing.loadedBeside(files)];
    look.drawn = isOther.includes(true) ? null : look.drawn;
  }
  const desired = file.kind === 'touched' ? LATER : await desiredOf(sources, look);
  if (desired.kind === 'set') {
    current.replace((now) => withRecognized(now, desired.set));
  }
  const hash = desired.kind === 'set' ? desired.set.hash : undefined;
  const { now } = current;
  const ahead = aheadSet(now);
  const facts: Omit<Facts, 'way'> = {
    target: now.target,
    hold,
    file,
    desired,
    judged: look.judged,
    installed: now.installed,
    haproxy: now.haproxy,
    doubt: doubtNow(now),
    owed: now.owed !== null && now.owed === installedMark(now),
    ahead,
    recording: catchUp.target,
    trouble: troubles.of(hash),
    retryMs: hash === undefined ? look.retryMs : troubles.waitOf(hash),
    aheadWaitMs: troubles.waitOf(ahead?.hash),
    paceMs: Math.max(0, pace.reloadDue() - clock.now()),
    workersMs: pace.workersMs(now.haproxy),
    mendMs: troubles.waitOf(now.installed?.hash),
  };
  return { ...facts, way: await wayOf(facts, executor, look) };
}

async function desiredOf({ drawing, served, account, executor }: FactSources, look: Look): Promise<Desired> {
  const draw = () => {
    const tree = served.toDraw();
    account?.drew(tree);
    return drawing.draw(tree, executor.current.now.installed?.text ?? null);
  };
  look.drawn ??= await look.watch.time('render', draw);
  return look.drawn;
}

async function wayOf(facts: Omit<Facts, 'way'>, executor: Executor, look: Look): Promise<Way> {
  const goal = facts.hold || facts.file.kind !== 'ours' ? null : goalOf(facts);
  if (goal === null) {
    return NO_WAY;
  }
  return look.noRuntime === null
    ? ((await executor.changes?.wayTo(goal, look)) ?? NO_WAY)
    : { kind: 'unknown', reasons: [look.noRuntime] };
}
