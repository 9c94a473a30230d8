import type { HaproxyControl } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import { haproxyLives } from './haproxy-process.ts';
import { MasterSocket } from './master-socket.ts';
import { reloadByMaster } from './reload-by-master.ts';
import { SocketError } from './socket-command.ts';
import { stateByMaster } from './state-by-master.ts';
import { watchState } from './watch-state.ts';

export interface MasterSocketSettings {
  readonly masterSocket: string;
  /** The file that is published, for messages. */
  readonly configPath: string;
}

/** Controls a HAProxy that somebody else runs (`-W -S`), through its master socket alone. */
export function controlByMasterSocket(settings: MasterSocketSettings): HaproxyControl {
  const master = new MasterSocket(settings.masterSocket);
  const serial = new Serial();
  let lastMaster: number | null = null;
  let visible = false;
  const state = (signal: AbortSignal) =>
    stateByMaster(master, signal, (proc) => {
      if (proc.master === lastMaster) {
        return;
      }
      lastMaster = proc.master;
      visible = false;
      void haproxyLives(proc.master).then((lives) => {
        visible = lives;
      });
    });
  return {
    state,
    reload: (mark, signal) =>
      serial.run(async () => {
        try {
          const reload = { master, configPath: settings.configPath, mark, log: () => '' };
          return await reloadByMaster(reload, signal);
        } catch (error) {
          if (error instanceof SocketError) {
            return { kind: 'away', cause: error.advice };
          }
          throw error;
        }
      }),
    watch: (signal) =>
      watchState(
        {
          state,
          idle: () => serial.idle(),
          // A pid of another PID namespace cannot be looked up, and then says nothing.
          absence: async () => {
            if (!visible || lastMaster === null) {
              return 'unknown';
            }
            return (await haproxyLives(lastMaster)) ? 'busy' : 'gone';
          },
        },
        signal,
      ),
    [Symbol.asyncDispose]: () => serial.idle(),
  };
}
