import { once } from 'node:events';
import type { HaproxyControl, HaproxyState } from '../ports/haproxy.ts';

const STATE: HaproxyState = { kind: 'unseen' };

/** Mode `none`: the file is all there is. HAProxy is neither asked nor told. */
export function controlNothing(): HaproxyControl {
  return {
    state: async () => STATE,
    reload: async () => ({ kind: 'unverified', log: '' }),
    async *watch(signal) {
      yield STATE;
      if (!signal.aborted) {
        await once(signal, 'abort');
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
