import { access } from 'node:fs/promises';
import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';
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
  const control = controlOf(settings);
  return settings.mode === 'none' ? control : onlyWithFile(control, settings.configPath);
}

/** From 3.1 on HAProxy ends over a reload without a file, whoever took it away. */
function onlyWithFile(control: HaproxyControl, configPath: string): HaproxyControl {
  const reload = control.reload.bind(control);
  return Object.assign(control, {
    reload: async (mark: string, signal: AbortSignal): Promise<ReloadOutcome> => {
      const gone = await access(configPath).then(
        () => false,
        () => true,
      );
      const message = `loading ${configPath}: somebody took it away`;
      return gone ? { kind: 'failed', message } : reload(mark, signal);
    },
  });
}

function controlOf(settings: ControlSettings): HaproxyControl {
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
