import type { HaproxyControl } from '../ports/haproxy.ts';
import { controlForeign } from './control-foreign.ts';
import type { ControlSettings } from './control-settings.ts';
import { haproxyLives, livesOrGone } from './haproxy-process.ts';
import { MasterSocket } from './master-socket.ts';
import { reloadByMaster } from './reload-by-master.ts';
import { whereNoAnswer } from './socket-command.ts';

/** Controls a HAProxy that somebody else runs (`-W -S`), through its master socket alone. */
export function controlByMasterSocket({
  masterSocket,
  configPath,
  around,
}: Pick<ControlSettings, 'masterSocket' | 'configPath' | 'around'>): HaproxyControl {
  const master = new MasterSocket(masterSocket);
  let lastMaster: number | null = null;
  let visible = false;
  return controlForeign({
    around,
    state: (signal) =>
      master.state(signal, (proc) => {
        if (proc.master === lastMaster) {
          return;
        }
        lastMaster = proc.master;
        visible = false;
        void haproxyLives(proc.master).then((lives) => {
          visible = lives;
        });
      }),
    reload: (mark, signal) =>
      whereNoAnswer(reloadByMaster({ master, configPath, mark, log: () => '' }, signal), ({ advice }) => ({
        kind: 'away',
        cause: advice,
      })),
    // A pid of another PID namespace cannot be looked up, and then says nothing.
    absence: async () => (visible ? livesOrGone(lastMaster) : 'unknown'),
  });
}
