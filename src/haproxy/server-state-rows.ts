import { inheritedBy } from '../plan/inherited.ts';
import { sectionLines, takePicture } from '../plan/picture.ts';
import { mergeServers } from '../plan/proxy.ts';
import { literalAddress, type Server } from '../plan/server-line.ts';
import { type ServerRow, sameHost } from './runtime-server-rows.ts';

/**
 * The rows for a new worker that loads `text`: of those servers that are DOWN by their checks, or that are UP and would
 * start as DOWN (`init-state down`, 3.2 and later), and in `text` still have the same address and a check that can change
 * it again. All others start as the text says, so that nothing in it is undone; UP is what they start as. `before` are the texts that HAProxy loads before this one.
 */
export function healthRows(
  rows: readonly ServerRow[],
  text: string,
  before: readonly string[] = [],
): string[] {
  const startDown = [text, ...before].some((one) => one.includes('init-state'));
  const some = rows.filter(
    ({ state, admin }) => admin === 'ready' && (state === 'down' || (startDown && state === 'up')),
  );
  if (some.length === 0) {
    return [];
  }
  const servers = serversOf(text, new Set(some.map(({ backend }) => backend)), before);
  return some.flatMap((row) => {
    const server = servers.get(`${row.backend}/${row.server}`);
    return server && keeps(row, server) ? [healthRow(row, server)] : [];
  });
}

const STARTS_DOWN = /^(?:fully-)?down$/;

function keeps(row: ServerRow, { address, settings, unread }: Server): boolean {
  const literal = literalAddress(address);
  if (unread || !literal || !settings.has('check') || settings.has('track') || settings.has('disabled')) {
    return false;
  }
  if (row.state === 'up' && !STARTS_DOWN.test(settings.get('init-state') ?? '')) {
    return false;
  }
  return literal.port === row.port && sameHost(literal.host, row.host);
}

/**
 * The first 20 columns, which is the least that HAProxy takes (`server_state.c`). No address; the port and the weight,
 * which it would take from here, are those of the text. Backends and servers are found by their names.
 */
function healthRow({ line, backend, server, state }: ServerRow, { settings, address }: Server): string {
  const [backendId = '0', , serverId = '0', , , , , , , since = '0', status = '0', result = '0'] =
    line.split(' ');
  const weight = settings.get('weight') ?? '1';
  const checked = 6; // CHK_ST_CONFIGURED and CHK_ST_ENABLED
  const place = [backendId, backend, serverId, server, '-'];
  const health = [state === 'up' ? 2 : 0, 0, weight, weight, since, status, result, 0, checked, 0];
  return [...place, ...health, 0, 0, '-', literalAddress(address)?.port, '-'].join(' ');
}

function serversOf(
  text: string,
  backends: ReadonlySet<string>,
  before: readonly string[],
): Map<string, Server> {
  const picture = takePicture(text);
  const filesBefore = before.map(takePicture);
  const servers = new Map<string, Server>();
  picture.sections.forEach(({ kind }, index) => {
    if (kind !== 'backend' && kind !== 'listen') {
      return;
    }
    const lines = sectionLines(picture, index);
    const backend = lines.header.words[1] ?? '';
    if (!backends.has(backend) || lines.unclear.length > 0) {
      return;
    }
    for (const server of mergeServers(
      lines,
      inheritedBy({ picture, index, header: lines.header }, filesBefore),
    )) {
      servers.set(`${backend}/${server.name}`, server);
    }
  });
  return servers;
}
