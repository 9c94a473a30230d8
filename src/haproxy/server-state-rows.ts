import { type CheckedServer, checkedServers } from '../plan/checked-servers.ts';
import { literalAddress } from '../plan/server-line.ts';
import { type HandState, handStateOf, mayBeByHand } from './hand-state.ts';
import { type ServerRow, sameHost } from './runtime-server-rows.ts';

/** A server that a person set otherwise than the text says. */
export interface ServerByHand extends HandState {
  readonly backend: string;
  readonly server: string;
  /** As the text writes it. */
  readonly address: string;
}

export interface CarryOptions {
  /** What the new worker loads. */
  readonly text: string;
  /** What the old one runs; null where that is not known. */
  readonly running: string | null;
  /** The texts that HAProxy loads before this one. @default none */
  readonly before?: readonly string[];
  /** The files that were changed since the old worker loaded them. @default none */
  readonly changed?: ReadonlySet<string>;
  /** Whether it is still the one that a person set. @default all are */
  readonly isSame?: (server: ServerByHand) => boolean;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * What of `rows` a new worker takes over: who is DOWN by the checks (or UP and would start as DOWN: `init-state down`, 3.2
 * and later), where its address and all that decides its health are as before; and what a person set, where its address
 * is. All others start as the text says, so that nothing in it is undone; UP is what they start as.
 */
export function carryOver(rows: readonly ServerRow[], options: CarryOptions): readonly string[] {
  const { text, running, before = [], changed = NONE, isSame = () => true } = options;
  const startDown = [text, ...before].some((one) => one.includes('init-state'));
  const some = rows.filter(
    (row) => row.state === 'down' || (startDown && row.state === 'up') || mayBeByHand(row),
  );
  if (some.length === 0) {
    return [];
  }
  const backends = new Set(some.map(({ backend }) => backend));
  const servers = checkedServers(text, backends, before);
  const were = running === null || running === text ? servers : checkedServers(running, backends, before);
  return some.flatMap((row) => {
    const name = `${row.backend}/${row.server}`;
    const [server, was] = [servers.get(name), were.get(name)];
    if (!server || !was || !isWhereItWas(row, server, was)) {
      return [];
    }
    const hand = byHandOf(row, was);
    const byHand = hand !== null && isSame(hand) ? hand : null;
    const keepsHealth =
      (row.admin === 'ready' || byHand?.admin === 'drain') &&
      isStillSo(row, server, was) &&
      !server.checkFiles.some((file) => changed.has(file));
    return byHand || keepsHealth ? [stateRow(row, { server, was, byHand, keepsHealth })] : [];
  });
}

/** The files by which servers are checked that are DOWN: what they hold may be another now. */
export function filesOfDown(
  rows: readonly ServerRow[],
  text: string,
  before: readonly string[] = [],
): readonly string[] {
  const down = rows.filter(({ state }) => state === 'down');
  if (down.length === 0) {
    return [];
  }
  const servers = checkedServers(text, new Set(down.map(({ backend }) => backend)), before);
  return down.flatMap(({ backend, server }) => servers.get(`${backend}/${server}`)?.checkFiles ?? []);
}

/** The rows of what a person set, for a HAProxy that starts: nobody knows who of them is healthy. */
export function rowsOfHands(hands: readonly ServerByHand[], text: string): readonly string[] {
  const servers = checkedServers(text, new Set(hands.map(({ backend }) => backend)));
  return hands.flatMap((byHand) => {
    const { backend, server: name, address } = byHand;
    const server = servers.get(`${backend}/${name}`);
    const literal = literalAddress(address);
    if (!literal || server?.address !== address) {
      return [];
    }
    const row: ServerRow = {
      backend,
      server: name,
      ...literal,
      weight: 1,
      state: 'up',
      admin: 'ready',
      line: '0',
    };
    return [stateRow(row, { server, was: server, byHand, keepsHealth: false })];
  });
}

/** What a person set of the servers of one text. */
export function serversByHand(
  rows: readonly ServerRow[],
  text: string,
  before: readonly string[] = [],
): readonly ServerByHand[] {
  const some = rows.filter(mayBeByHand);
  if (some.length === 0) {
    return [];
  }
  const servers = checkedServers(text, new Set(some.map(({ backend }) => backend)), before);
  return some
    .map((row) => {
      const server = servers.get(`${row.backend}/${row.server}`);
      return server ? byHandOf(row, server) : null;
    })
    .filter((one) => one !== null);
}

function byHandOf(row: ServerRow, server: CheckedServer): ServerByHand | null {
  const state = handStateOf(row, server);
  const { backend, server: name } = row;
  return state && { backend, server: name, address: server.address, ...state };
}

/** The state file would undo another port. */
function isWhereItWas(row: ServerRow, server: CheckedServer, was: CheckedServer): boolean {
  const literal = literalAddress(server.address);
  return literal
    ? literal.port === row.port && sameHost(literal.host, row.host)
    : server.address === was.address;
}

const STARTS_DOWN = /^(?:fully-)?down$/;

function isStillSo(
  row: ServerRow,
  { address, settings, unread, checkedBy }: CheckedServer,
  was: CheckedServer,
): boolean {
  if (
    unread ||
    !literalAddress(address) ||
    !settings.has('check') ||
    settings.has('track') ||
    settings.has('disabled')
  ) {
    return false;
  }
  const matters =
    row.state === 'down' || (row.state === 'up' && STARTS_DOWN.test(settings.get('init-state') ?? ''));
  return matters && checkedBy === was.checkedBy;
}

interface Carried {
  readonly server: CheckedServer;
  readonly was: CheckedServer;
  readonly byHand: HandState | null;
  readonly keepsHealth: boolean;
}

/** `SRV_ADMF_CMAINT`: the text that ran says `disabled`. Where the next one says otherwise, HAProxy goes by that. */
const DISABLED = 0x04;
const ADMIN = { ready: 0, maint: 0x01, drain: 0x08 } as const;

/**
 * The first 20 columns, which is the least that HAProxy takes (`server_state.c`). No address; the port and the weight,
 * which it would take from here, are those of the text, or what a person set over the same weight. Backends and servers
 * are found by their names.
 */
function stateRow({ line, backend, server: name, state, port }: ServerRow, carried: Carried): string {
  const [backendId = '0', , serverId = '0', , , , , , , since = '0', status = '0', result = '0'] =
    line.split(' ');
  const { server, was, byHand, keepsHealth } = carried;
  const isUp = !keepsHealth || state === 'up';
  const weights =
    byHand?.weight == null ? [weightOf(server), weightOf(server)] : [byHand.weight, weightOf(was)];
  const disabled = byHand?.admin != null && was.settings.has('disabled') ? DISABLED : 0;
  const admin = disabled + ADMIN[byHand?.admin ?? 'ready'];
  const checked = 6; // CHK_ST_CONFIGURED and CHK_ST_ENABLED
  const found = keepsHealth ? [status, result] : [0, 0];
  const place = [backendId, backend, serverId, name, '-'];
  return [
    ...place,
    isUp ? 2 : 0,
    admin,
    ...weights,
    since,
    ...found,
    0,
    checked,
    0,
    0,
    0,
    '-',
    port,
    '-',
  ].join(' ');
}

function weightOf({ settings }: CheckedServer): string {
  return settings.get('weight') ?? '1';
}
