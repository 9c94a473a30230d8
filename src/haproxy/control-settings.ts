import type { HaproxyEvent } from '../events-haproxy.ts';

/** What became of the HAProxy that is ours. */
export type ManagedChange = Extract<
  HaproxyEvent,
  { readonly kind: 'haproxy-started' | 'haproxy-adopted' | 'haproxy-exited' }
>;

/** `haproxy` of the settings, and the file that is published. Each mode takes its part of them. */
export interface ControlSettings {
  readonly mode: 'managed' | 'master-socket' | 'signal' | 'command' | 'none';
  /** The file that is published and that HAProxy loads. */
  readonly configPath: string;
  readonly binary: string;
  readonly masterSocket: string;
  /** Empty for none: then a reload ends as `unverified`. */
  readonly statsSocket: string;
  readonly pidFile: string;
  /** Program and arguments; `{config}` becomes the path of the file. No shell. */
  readonly reloadCommand?: readonly string[];
  /** `command`: milliseconds for the command. @default 60 s */
  readonly timeout?: number;
  /**
   * Milliseconds in which HAProxy has to answer. `managed`: one that was started, or is there. @default 60 s `command`: the
   * new worker; longer than the slowest load: the command is run once more after it, and a load that fails over a taken
   * port refuses connections for 2 s each time. @default 6 s
   */
  readonly patience?: number;
  /** `managed`: milliseconds for a soft stop. @default 3 s */
  readonly grace?: number;
  /** `managed`: what a reload does where none runs: start one, or leave the file for the one that will. @default 'start' */
  readonly absent?: 'start' | 'wait';
  /** `managed`: gets each line that HAProxy says on stdout and stderr. */
  readonly onLine?: (line: string) => void;
  /** Goes around each reload and each start of a HAProxy, until it runs or has failed. @default nothing does */
  readonly around?: AroundLoad;
  /** `managed`: told when a HAProxy became ours or ended. */
  readonly onChange?: (change: ManagedChange) => void;
}

/** One load of the file by HAProxy. */
export interface LoadCall {
  /** As in `HaproxyControl.reload`; null also where HAProxy is started. */
  readonly running: string | null;
  readonly signal: AbortSignal;
}

/** Does something before and after a load. It is called in the load's turn: no other one is under way meanwhile. */
export type AroundLoad = <T>(load: () => Promise<T>, of: LoadCall) => Promise<T>;

/** What mode `managed` needs. */
export type ManagedSettings = Pick<ControlSettings, 'binary' | 'masterSocket' | 'configPath'> &
  Partial<Pick<ControlSettings, 'grace' | 'absent' | 'patience' | 'onLine' | 'onChange' | 'around'>>;
