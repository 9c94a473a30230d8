import type { Emit } from '../events.ts';
import { createRuntimeApplier, type RuntimeApplier } from '../haproxy/runtime-apply.ts';
import type { Serial } from '../ports/serial.ts';
import type { Settings } from '../settings/settings.ts';
import { createStateFile } from '../state/state-file.ts';

/** Changes servers at run time, where `apply.mode` and `haproxy` allow it, in turns by `servers`. Opens nothing yet. */
export async function runtimeOf(
  settings: Settings,
  { emit, servers }: { readonly emit: Emit; readonly servers: Serial },
): Promise<RuntimeApplier | null> {
  const { apply, haproxy, output, stateDir } = settings;
  if (apply.mode === 'reload' || haproxy.mode === 'none' || haproxy.statsSocket === '') {
    return null;
  }
  return createRuntimeApplier({
    statsSocket: haproxy.statsSocket,
    journal: createStateFile(stateDir, 'server-journal.json', 'our crash'),
    servers,
    configPath: output.path,
    onNote: (note) => {
      if (note.kind === 'trouble') {
        emit({ kind: 'notice', message: note.message });
      } else {
        emit({ kind: 'server-gone', backend: note.backend, server: note.server, ms: note.after });
      }
    },
  });
}
