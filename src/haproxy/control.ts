import type { HaproxyControl } from '../reconcile/interfaces.ts';
import { controlByCommand } from './control-command.ts';
import { controlManaged, type ManagedChange } from './control-managed.ts';
import { controlByMasterSocket } from './control-master-socket.ts';
import { controlNothing } from './control-none.ts';
import { controlBySignal } from './control-signal.ts';

/** `haproxy` of the settings, and the file that is published. */
export interface ControlSettings {
  readonly mode: 'managed' | 'master-socket' | 'signal' | 'command' | 'none';
  readonly configPath: string;
  readonly binary: string;
  readonly masterSocket: string;
  /** Empty for none. */
  readonly statsSocket: string;
  readonly pidFile: string;
  /** Needed by mode `command`. */
  readonly reloadCommand?: readonly string[];
  /** `managed`: milliseconds for a soft stop. @default 3 s */
  readonly grace?: number;
  /** `managed`: what a reload does where none runs. @default 'start' */
  readonly absent?: 'start' | 'wait';
  /** `managed`: gets each line that HAProxy says. */
  readonly onLine?: (line: string) => void;
  /** `managed`: told when a HAProxy became ours or ended. */
  readonly onChange?: (change: ManagedChange) => void;
}

/** Picks the control of `haproxy.mode`. Nothing is opened or started before it is first used. */
export function createControl(settings: ControlSettings): HaproxyControl {
  switch (settings.mode) {
    case 'managed':
      return controlManaged(settings);
    case 'master-socket':
      return controlByMasterSocket(settings);
    case 'signal':
      return controlBySignal(settings);
    case 'command':
      return controlByCommand({ ...settings, reloadCommand: settings.reloadCommand ?? [] });
    case 'none':
      return controlNothing();
    default:
      return settings.mode satisfies never;
  }
}
