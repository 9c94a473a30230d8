import { access } from 'node:fs/promises';
import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';
import { controlByCommand } from './control-command.ts';
import { controlManaged } from './control-managed.ts';
import { controlByMasterSocket } from './control-master-socket.ts';
import { controlNothing } from './control-none.ts';
import type { ControlSettings } from './control-settings.ts';
import { controlBySignal } from './control-signal.ts';

/** Picks the control of `haproxy.mode`. Nothing is opened or started before it is first used. */
export function createControl(settings: ControlSettings): HaproxyControl {
  const control = controlOf(settings);
  return settings.mode === 'none' ? control : onlyWithFile(control, settings.configPath);
}

/** From 3.1 on HAProxy ends over a reload without a file, whoever took it away. */
function onlyWithFile(control: HaproxyControl, configPath: string): HaproxyControl {
  const reload = control.reload.bind(control);
  const gone: ReloadOutcome = { kind: 'failed', message: `loading ${configPath}: somebody took it away` };
  return Object.assign(control, {
    reload: (mark: string, signal: AbortSignal, running: string | null = null) =>
      access(configPath).then(
        () => reload(mark, signal, running),
        () => gone,
      ),
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
