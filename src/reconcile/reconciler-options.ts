import type { Emit } from '../events.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Judge, Preflight } from '../ports/judge.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Source } from '../ports/source.ts';
import type { CrashFile, PauseNotes, PendingNote } from '../ports/stores.ts';
import type { Templates } from '../ports/templates.ts';
import type { QuarantineOptions } from '../quarantine/quarantine.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { RuntimeChangesOptions } from '../rollout/runtime-changes.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { PaceOptions } from './pace.ts';
import type { GuardParts } from './trees.ts';

/** Everything the loop works with. */
export interface ReconcilerOptions {
  readonly source: Source;
  readonly templates: Templates;
  readonly served: ServedTree;
  readonly drawing: Drawing;
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  /** `file`: mode `none`. */
  readonly target: 'haproxy' | 'file';
  readonly pace: PaceOptions;
  readonly preflight?: Preflight;
  readonly pending?: PendingNote;
  /** Where pauses are remembered, and the keys that ask the fleet for one. */
  readonly pause?: { readonly notes: PauseNotes; readonly keys: readonly string[] };
  /** `haproxy.maxOldWorkers`. @default no limit */
  readonly maxOldWorkers?: number;
  /** Without it every change is a reload. */
  readonly runtime?: Pick<RuntimeChangesOptions, 'newServers' | 'drain'> & {
    readonly runtime: Pick<Runtime, 'usable' | 'apply' | 'readBackAll' | 'hold'>;
    /** `apply.readBack` */
    readonly readBack?: number;
  };
  readonly quarantine?: Pick<QuarantineOptions, 'file' | 'patience' | 'retry' | 'checkCommand'>;
  /** Where the input of a crash is kept. */
  readonly crashFile?: CrashFile;
  /** Milliseconds for which a step of a pass counts as life. @default 2 min */
  readonly stepLimit?: number;
  readonly emit: Emit;
  /** The guard and the cache; without it every change is believed at once. */
  readonly guard?: GuardParts;
}
