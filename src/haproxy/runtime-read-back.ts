import { literalAddress } from '../plan/server-line.ts';
import type { ExpectedServer, ExpectedServers } from '../ports/runtime.ts';
import { type CommandStep, weightOf } from './runtime-batch.ts';
import { type ServerRow, sameHost } from './runtime-server-rows.ts';

/** Rows by backend and server. */
export type ServerRows = ReadonlyMap<string, ReadonlyMap<string, ServerRow>>;

/** Sorts rows. */
export function rowsByName(rows: readonly ServerRow[]): ServerRows {
  const backends = new Map<string, Map<string, ServerRow>>();
  for (const row of rows) {
    const servers = backends.get(row.backend) ?? new Map<string, ServerRow>();
    if (servers.size === 0) {
      backends.set(row.backend, servers);
    }
    servers.set(row.server, row);
  }
  return backends;
}

/** Whether a server of HAProxy's lingers, and is none of the file's. */
export type IsLingering = (backend: string, server: string) => boolean;

/** Compares whole backends. A sentence for each difference. */
export function compareServers(
  expected: ExpectedServers,
  rows: ServerRows,
  isLingering: IsLingering,
): string[] {
  const found: string[] = [];
  for (const [backend, servers] of expected) {
    const there = rows.get(backend) ?? new Map<string, ServerRow>();
    for (const [server, wanted] of servers) {
      const difference = compare(wanted, there.get(server));
      if (difference !== null) {
        found.push(`server ${backend}/${server} ${difference}`);
      }
    }
    for (const server of there.keys()) {
      if (!servers.has(server) && !isLingering(backend, server)) {
        found.push(`server ${backend}/${server} is there, and should not be`);
      }
    }
  }
  return found;
}

/** Compares what a batch has asked for; the rest of the backends may be as it is. */
export function compareSteps(
  steps: readonly CommandStep[],
  rows: ServerRows,
  isLingering: IsLingering,
): string[] {
  return steps.flatMap(({ command }) => {
    const { backend, server } = command;
    const row = rows.get(backend)?.get(server);
    const remains = row && !isLingering(backend, server) ? 'is still there' : null;
    const difference = command.kind === 'remove' ? remains : compare(wantedOf(command), row);
    return difference === null ? [] : [`server ${backend}/${server} ${difference}`];
  });
}

function wantedOf(command: Exclude<CommandStep['command'], { kind: 'remove' }>): ExpectedServer {
  switch (command.kind) {
    case 'add':
      return {
        ...literalAddress(command.address),
        weight: weightOf(command.keywords),
        admin: command.disabled ? 'maint' : 'ready',
      };
    case 'address':
      return { host: command.host, port: command.port };
    case 'weight':
      return { weight: command.weight };
    case 'state':
      return { admin: command.state };
    default:
      return command satisfies never;
  }
}

function compare(wanted: ExpectedServer, row: ServerRow | undefined): string | null {
  if (!row) {
    return 'is not there';
  }
  if (wanted.host !== undefined && !sameHost(wanted.host, row.host)) {
    return `has the address ${row.host}, not ${wanted.host}`;
  }
  if (wanted.port !== undefined && wanted.port !== row.port) {
    return `has the port ${row.port}, not ${wanted.port}`;
  }
  if (wanted.weight !== undefined && wanted.weight !== row.weight) {
    return `has the weight ${row.weight}, not ${wanted.weight}`;
  }
  if (wanted.admin !== undefined && wanted.admin !== row.admin) {
    return `is ${ADMIN[row.admin]}, not ${ADMIN[wanted.admin]}`;
  }
  return null;
}

const ADMIN = { ready: 'in service', maint: 'in maintenance', drain: 'draining' } as const;
