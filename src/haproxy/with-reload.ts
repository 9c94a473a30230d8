import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';

/** What one reload is asked for; see `HaproxyControl.reload`. */
export interface ReloadCall {
  readonly signal: AbortSignal;
  readonly running: string | null;
}

/** The same control, with something done around its reloads. */
export function withReload(
  control: HaproxyControl,
  around: (of: ReloadCall, reload: () => Promise<ReloadOutcome>) => Promise<ReloadOutcome>,
): HaproxyControl {
  const reload = control.reload.bind(control);
  return Object.assign(control, {
    reload: (mark: string, signal: AbortSignal, running: string | null = null) =>
      around({ signal, running }, () => reload(mark, signal, running)),
  });
}
