import type { MasterSocket } from './master-socket.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { SocketError } from './socket-command.ts';

const COMMAND = 'show servers state';
/** Maintenance, forced or tracked, and addresses that do not resolve: no word of a check (management guide 9.3). */
const NOT_BY_CHECK = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;

/** The DOWN servers of the current worker, asked through the master. Null where nobody answers. */
export async function downByMaster(
  master: MasterSocket,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | null> {
  return orNull(signal, async () => {
    const { worker } = await master.showProc(signal);
    return worker && parseDown(await master.worker(worker.pid, COMMAND, signal));
  });
}

/** The DOWN servers of whoever answers on the stats socket. Null where nobody does, or an old worker. */
export async function downBySocket(
  runtime: RuntimeSocket | null,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | null> {
  if (!runtime) {
    return null;
  }
  return orNull(signal, async () => {
    const { stopping } = await runtime.info(signal);
    return stopping ? null : parseDown(await runtime.command(COMMAND, signal));
  });
}

/**
 * Reads `show servers state` (management guide 9.3): `backend/server` of those whose operational state is 0
 * (stopped) while nobody put them there by hand. Null where it is no such answer.
 */
export function parseDown(text: string): ReadonlySet<string> | null {
  const [version, header, ...lines] = text.split('\n');
  const columns = header?.replace(/^#\s*/, '').split(' ') ?? [];
  const place = (name: string) => columns.indexOf(name);
  const [backend, server] = [place('be_name'), place('srv_name')];
  const [operational, admin] = [place('srv_op_state'), place('srv_admin_state')];
  if (version?.trim() !== '1' || [backend, server, operational, admin].includes(-1)) {
    return null;
  }
  const down = new Set<string>();
  for (const line of lines) {
    const fields = line.split(' ');
    if (fields[operational] !== '0' || (Number(fields[admin]) & NOT_BY_CHECK) !== 0) {
      continue;
    }
    down.add(`${fields[backend]}/${fields[server]}`);
  }
  return down;
}

async function orNull<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SocketError) {
      return null;
    }
    throw error;
  }
}
