import type { Emit } from '../events.ts';
import type { Believed } from './believed.ts';
import type {
  ConfigFile,
  CrashFile,
  HaproxyControl,
  Judge,
  PauseNotes,
  PendingNote,
  Preflight,
  Source,
  Templates,
} from './interfaces.ts';
import type { PaceOptions } from './pace.ts';
import type { Picture } from './picture.ts';
import type { QuarantineOptions } from './quarantine.ts';
import type { Runtime } from './runtime-interfaces.ts';
import type { RuntimePathOptions } from './runtime-path.ts';

/** Everything the loop works with. */
export interface ReconcilerOptions {
  readonly source: Source;
  readonly templates: Templates;
  readonly picture: Picture;
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
  readonly runtime?: Pick<RuntimePathOptions, 'newServers' | 'drain'> & {
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
  readonly believed?: Believed;
}
