import { CachingJudge } from '../quarantine/caching-judge.ts';
import { Quarantine } from '../quarantine/quarantine.ts';
import { Executor } from '../rollout/executor.ts';
import { HaproxyWatch } from '../rollout/haproxy-watch.ts';
import { ReadBackWatch } from '../rollout/read-back-watch.ts';
import { WorkerCap } from '../rollout/worker-cap.ts';
import { Crashes } from './crashes.ts';
import { Mailbox } from './mailbox.ts';
import { Pace } from './pace.ts';
import { Pause } from './pause.ts';
import type { ReconcilerOptions } from './reconciler-options.ts';
import { ReloadWaits } from './reload-waits.ts';
import type { Trees } from './trees.ts';
import { Turns } from './turns.ts';

/** What passes need; the rest of the options is about what is followed. */
export interface PartsOptions extends Omit<ReconcilerOptions, 'source' | 'templates' | 'guard'> {
  readonly trees: Trees;
}

/** What passes work with, and what is followed beside them. */
export type Parts = ReturnType<typeof partsOf>;

/** Puts together what a pass needs. Nothing is read or begun yet. */
export function partsOf(options: PartsOptions) {
  const {
    served,
    trees,
    drawing,
    emit,
    runtime,
    crashFile,
    maxOldWorkers: most = Number.POSITIVE_INFINITY,
  } = options;
  const [mailbox, turns, pace] = [new Mailbox(), new Turns(options.stepLimit), new Pace(options.pace)];
  const judge = new CachingJudge(options);
  const executor = new Executor({ ...options, judge, mailbox });
  const { current } = executor;
  const crashes = new Crashes({ emit, served, current, ...(crashFile ? { file: crashFile } : {}) });
  const haproxy = new HaproxyWatch({ control: options.haproxy, current, drawing, mailbox, emit });
  const waits = new ReloadWaits({ pace, cap: new WorkerCap({ most, emit }), turns, mailbox });
  const pause =
    options.pause &&
    new Pause({
      notes: options.pause.notes,
      keys: () => trees.raw.lookUp(options.pause?.keys ?? []),
      hold: async (held) => runtime?.runtime.hold?.(held),
      ...{ mailbox, emit },
    });
  const quarantine = new Quarantine({
    ...options.quarantine,
    ...{ served, drawing, judge, mailbox, emit },
    installed: () => current.now.installed?.text ?? null,
    plan: (text) => executor.tryPlan(text),
    onBug: (where, error) => void crashes.tell(where, error),
  });
  const readBack = runtime && new ReadBackWatch({ ...runtime, current, mailbox, emit });
  return {
    ...{ served, trees, drawing, emit, mailbox, turns, pace, waits, pause },
    ...{ executor, haproxy, quarantine, crashes, readBack },
  };
}
