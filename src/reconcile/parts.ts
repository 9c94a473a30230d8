import type { FilesBeside } from '../ports/files-beside.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { PassLedger } from '../ports/ledger.ts';
import type { NamedFiles } from '../ports/named-files.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { PauseNotes, RollbackNote } from '../ports/stores.ts';
import { cachingJudge } from '../quarantine/caching-judge.ts';
import { Quarantine, type QuarantineOptions } from '../quarantine/quarantine.ts';
import { BesideWorkers } from '../rollout/beside-workers.ts';
import type { Drawing } from '../rollout/drawing.ts';
import { Executor, type ExecutorOptions } from '../rollout/executor.ts';
import type { ConfigSet } from '../rollout/facts.ts';
import type { RuntimeChangesOptions } from '../rollout/runtime-changes.ts';
import { Trees, type TreesOptions } from '../tree/trees.ts';
import { Account } from './account.ts';
import { Crashes, type CrashesOptions } from './crashes.ts';
import { Mailbox } from './mailbox.ts';
import { Pace, type PaceOptions } from './pace.ts';
import { Pause } from './pause.ts';
import { RollbackHold } from './rollback-hold.ts';
import { Turns } from './turns.ts';

/** What passes work with. */
export interface PartsOptions
  extends TreesOptions,
    Omit<ExecutorOptions, 'haproxy' | 'runtime' | 'mailbox' | 'onRecorded'>,
    Pick<CrashesOptions, 'crashFile'> {
  readonly drawing: Drawing;
  readonly haproxy: HaproxyControl;
  readonly pace: PaceOptions;
  /** Where pauses are remembered, and the keys that ask the fleet for one. */
  readonly pause?: { readonly notes: PauseNotes; readonly keys: readonly string[] };
  /** Where a rollback is remembered. */
  readonly rollback?: RollbackNote;
  /** Without it every change is a reload. */
  readonly runtime?: Pick<RuntimeChangesOptions, 'newServers' | 'drain'> & {
    readonly runtime: Pick<Runtime, 'usable' | 'apply' | 'readBackAll' | 'hold'>;
    /** `apply.readBack` */
    readonly readBack?: number;
  };
  readonly quarantine?: Pick<QuarantineOptions, 'file' | 'origin' | 'patience' | 'retry' | 'checkCommand'>;
  /** Milliseconds for which a step of a pass counts as life. @default 2 min */
  readonly stepLimit?: number;
  /** Without it nothing is written down. */
  readonly ledger?: PassLedger;
  /** Without it our file counts as the only one that HAProxy loads. */
  readonly filesBeside?: FilesBeside;
  /** Without it what is mended is seen at the next try. */
  readonly namedFiles?: NamedFiles;
}

/** What passes work with, and what is followed beside them. */
export type Parts = ReturnType<typeof partsOf>;

/** Puts together what a pass needs. Nothing is read or begun yet. */
export function partsOf(options: PartsOptions) {
  const { served, drawing, emit, runtime } = options;
  const [mailbox, turns, trees] = [new Mailbox(), new Turns(options.stepLimit), new Trees(options)];
  const judge = cachingJudge({ ...options, foreseen: (text, signal) => executor.foreseen(text, signal) });
  // What was accepted beside the loop is good, where it is still what was drawn last.
  const onRecorded = ({ text }: ConfigSet) => text === drawing.drawn && quarantine.accepted();
  const executor = new Executor({ ...options, judge, mailbox, onRecorded });
  const { current } = executor;
  const crashes = new Crashes({ ...options, current });
  const pause =
    options.pause &&
    new Pause({
      notes: options.pause.notes,
      keys: () => trees.raw.lookUp(options.pause?.keys ?? []),
      hold: async (held) => runtime?.runtime.hold?.(held),
      ...{ mailbox, emit },
    });
  const rollback = options.rollback && new RollbackHold({ note: options.rollback, drawing, mailbox, emit });
  const quarantine = new Quarantine({
    ...options.quarantine,
    ...{ served, drawing, judge, mailbox, emit },
    installed: () => current.now.installed?.text ?? null,
    plan: (text) => executor.changes?.tryPlan(text),
    inTheWay: (binds) => executor.inTheWay(binds),
    onBug: (where, error) => void crashes.tell(where, error),
  });
  return {
    ...{
      served,
      trees,
      drawing,
      emit,
      mailbox,
      turns,
      pause,
      rollback,
      judge,
      executor,
      quarantine,
      crashes,
    },
    haproxy: options.haproxy,
    ledger: options.ledger,
    account: new Account(),
    beside: new BesideWorkers(options.filesBeside),
    pace: new Pace(options.pace, emit),
  };
}
