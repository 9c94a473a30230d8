import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Serial } from './serial.ts';

/** The same control, but for what is given. */
export function controlWith(
  control: HaproxyControl,
  other: Partial<Pick<HaproxyControl, 'reload' | 'downServers'>>,
): HaproxyControl {
  const { start, stop, downServers } = control;
  return {
    state: (signal) => control.state(signal),
    reload: (mark, signal) => control.reload(mark, signal),
    watch: (signal) => control.watch(signal),
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
    ...(start ? { start: start.bind(control) } : {}),
    ...(stop ? { stop: stop.bind(control) } : {}),
    ...(downServers ? { downServers: downServers.bind(control) } : {}),
    ...other,
  };
}

/**
 * The same control, which lists servers only while nobody of ours deletes one: HAProxy before July 2026 may crash where
 * a long list stops at a server that is deleted then.
 */
export function listInTurn(control: HaproxyControl, servers: Serial): HaproxyControl {
  const { downServers } = control;
  if (!downServers) {
    return control;
  }
  return controlWith(control, {
    downServers: (signal) => servers.run(() => downServers.call(control, signal)),
  });
}
