import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import type { AroundLoad } from './control-settings.ts';
import { type StateWatch, watchState } from './watch-state.ts';

/** How a HAProxy is asked, and told to reload. */
export interface ForeignHaproxy extends Pick<StateWatch, 'absence'> {
  state(signal: AbortSignal): Promise<HaproxyState>;
  reload(mark: string, signal: AbortSignal): Promise<ReloadOutcome>;
  readonly around?: AroundLoad | undefined;
}

/** Controls a HAProxy that somebody else runs: its reloads take turns, and none of them is seen as an absence. */
export function controlForeign({
  state,
  reload,
  absence,
  around = (load) => load(),
}: ForeignHaproxy): HaproxyControl {
  const serial = new Serial();
  const idle = () => serial.idle();
  return {
    state,
    reload: (mark, signal, running = null) =>
      serial.run(() => around(() => reload(mark, signal), { running, signal })),
    watch: (signal) => watchState({ state, idle, ...(absence && { absence }) }, signal),
    [Symbol.asyncDispose]: idle,
  };
}
