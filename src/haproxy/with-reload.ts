import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';

type Reload = HaproxyControl['reload'];

/** The same control, with something done around its reloads. */
export function withReload(
  control: HaproxyControl,
  around: (mark: string, signal: AbortSignal, reload: Reload) => Promise<ReloadOutcome>,
): HaproxyControl {
  const reload = control.reload.bind(control);
  return Object.assign(control, {
    reload: (mark: string, signal: AbortSignal) => around(mark, signal, reload),
  });
}
