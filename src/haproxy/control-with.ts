import type { HaproxyControl } from '../ports/haproxy.ts';

/** The same control, but for what is given. */
export function controlWith(control: HaproxyControl, other: Pick<HaproxyControl, 'reload'>): HaproxyControl {
  const { start, stop } = control;
  return {
    state: (signal) => control.state(signal),
    watch: (signal) => control.watch(signal),
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
    ...(start ? { start: start.bind(control) } : {}),
    ...(stop ? { stop: stop.bind(control) } : {}),
    ...other,
  };
}
