import type { Serial } from '../ports/serial.ts';
import type { DrainedBy, ServerHealth, ServerStatus, ServersSeen } from '../ports/server-health.ts';
import { inPieces, type Pieces } from '../system/in-pieces.ts';
import { withoutPlain } from './hand-state.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { whereNoAnswer } from './socket-command.ts';

export interface SeeServersOptions {
  readonly statsSocket: string;
  /** Where those who list servers and those who delete them take turns. */
  readonly servers: Pick<Serial, 'run'>;
}

/** Milliseconds for which an answer is good: whoever asks again gets the same. */
const FRESH = 1000;

/**
 * Looks how HAProxy's servers are, when it is asked, and at most once a second. A look at 10,000 servers takes HAProxy and us
 * about 50 ms, in pieces. Never rejects, but where `signal` aborts.
 */
export function seeServers(options: SeeServersOptions, signal: AbortSignal): () => Promise<ServersSeen> {
  let last: { readonly until: number; readonly seen: Promise<ServersSeen> } | null = null;
  return () => {
    if (last === null || performance.now() >= last.until) {
      const seen = options.servers.run(() => look(options.statsSocket, signal));
      last = { until: Number.POSITIVE_INFINITY, seen };
      const over = () => {
        last = { until: performance.now() + FRESH, seen };
      };
      seen.then(over, over);
    }
    return last.seen;
  };
}

/** One look. */
export function look(statsSocket: string, signal: AbortSignal): Promise<ServersSeen> {
  const asked = async (): Promise<ServersSeen> => {
    await using session = new RuntimeSession(statsSocket, signal, LIMIT);
    const rows = new StatRows();
    const [info, ran, marked] = await Promise.all([
      session.info(),
      session.ask(ASK_MARK),
      session.askFiltered('show servers state', withoutPlain),
      session.askFiltered('show stat -1 4 -1', (lines) => rows.take(lines)),
    ]);
    if (info.stopping) {
      return { kind: 'unseen', why: 'a worker answers that only ends what it has: HAProxy reloads' };
    }
    const { pid, version } = info;
    const servers = await inPieces(healthOf(rows.all, adminBits(marked)));
    return { kind: 'seen', at: Date.now(), pid, version, mark: parseMark(ran), servers };
  };
  return whereNoAnswer(asked(), ({ advice }) => ({ kind: 'unseen', why: advice }));
}

/** Milliseconds for which HAProxy may be silent. */
const LIMIT = 3000;

const COLUMNS = [
  'pxname',
  'svname',
  'scur',
  'status',
  'weight',
  'lastchg',
  'rate',
  'check_code',
  'hrsp_5xx',
  'last_chk',
  'last_agt',
  'check_desc',
  'agent_desc',
  'addr',
] as const;

/** What is read of a line of `show stat`. */
type StatRow = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** Reads `show stat` while it comes: of some hundred characters a line a few are kept. */
class StatRows {
  readonly all: StatRow[] = [];
  /** By the place of a column its name, where it is read; null before the head came. */
  #columns: readonly ((typeof COLUMNS)[number] | undefined)[] | null = null;

  /** Takes whole lines; gives what is not read here, which is nothing. */
  take(lines: string): string {
    for (let from = 0; from < lines.length; ) {
      const end = lines.indexOf('\n', from);
      const to = end === -1 ? lines.length : end;
      if (this.#columns !== null && to > from) {
        this.all.push(rowAt(lines, { from, to }, this.#columns));
      } else if (lines.startsWith('# ', from)) {
        this.#columns = readHead(lines.slice(from + 2, to));
      }
      from = to + 1;
    }
    return '';
  }
}

function readHead(line: string): readonly ((typeof COLUMNS)[number] | undefined)[] {
  const names = line.split(',').map((name) => COLUMNS.find((one) => one === name));
  return names.slice(0, names.findLastIndex((name) => name !== undefined) + 1);
}

const QUOTE = 0x22;
const EMPTY = Object.fromEntries(COLUMNS.map((name) => [name, ''])) as StatRow;

function rowAt(
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
  columns: readonly ((typeof COLUMNS)[number] | undefined)[],
): StatRow {
  const row: Record<(typeof COLUMNS)[number], string> = { ...EMPTY };
  let at = from;
  for (const name of columns) {
    let end: number;
    if (text.charCodeAt(at) === QUOTE) {
      end = endOfQuoted(text, at, to);
      if (name !== undefined) {
        row[name] = text.slice(at + 1, end - 1).replaceAll('""', '"');
      }
    } else {
      const comma = text.indexOf(',', at);
      end = comma === -1 || comma > to ? to : comma;
      if (name !== undefined) {
        row[name] = text.slice(at, end);
      }
    }
    at = end + 1;
    if (at > to) {
      break;
    }
  }
  return row;
}

/** Right after the closing quote; two in a row are one that is meant. */
function endOfQuoted(text: string, from: number, to: number): number {
  for (let at = from + 1; at < to; at++) {
    if (text.charCodeAt(at) !== QUOTE) {
      continue;
    }
    if (text.charCodeAt(at + 1) !== QUOTE) {
      return at + 1;
    }
    at++;
  }
  return to;
}

/** The bits of `srv_admin_state` (`srv_admin`, server-t.h). */
const ADMIN = {
  forcedMaint: 0x01,
  inheritedMaint: 0x02,
  configuredMaint: 0x04,
  forcedDrain: 0x08,
  inheritedDrain: 0x10,
  unresolved: 0x20,
} as const;

interface AdminState {
  readonly bits: number;
  /** Whether the weight is another one than the text says. */
  readonly isReweighted: boolean;
}

/** The servers that are no plain ones, by `backend/server`. */
function adminBits(rows: string): ReadonlyMap<string, AdminState> {
  const found = new Map<string, AdminState>();
  for (const line of rows.split('\n')) {
    const [, backend, , server, , , bits, weight, initial] = line.split(' ');
    if (initial !== undefined && /^\d+$/.test(bits ?? '')) {
      found.set(`${backend}/${server}`, { bits: Number(bits), isReweighted: weight !== initial });
    }
  }
  return found;
}

function* healthOf(
  rows: readonly StatRow[],
  bits: ReadonlyMap<string, AdminState>,
): Pieces<readonly ServerHealth[]> {
  const servers: ServerHealth[] = [];
  for (const row of rows) {
    servers.push(healthOfRow(row, bits.get(`${row.pxname}/${row.svname}`)));
    yield;
  }
  return servers;
}

function healthOfRow(row: StatRow, admin: AdminState = { bits: 0, isReweighted: false }): ServerHealth {
  const weight = Number(row.weight);
  const status = statusOf(row.status, weight);
  const isOut = status === 'DRAIN' || status === 'MAINT';
  return {
    backend: row.pxname,
    server: row.svname,
    address: row.addr,
    weight,
    status,
    word: row.status,
    why: status === 'DOWN' || / \d+\/\d+$/.test(row.status) ? whyOf(row) : null,
    seconds: Number(row.lastchg),
    drainedBy: isOut ? drainedBy(row, admin) : null,
    sessions: Number(row.scur),
    rate: Number(row.rate),
    errors5xx: Number(row.hrsp_5xx),
  };
}

/** HAProxy calls who has a weight of 0 and no check neither drained nor anything else. */
function statusOf(word: string, weight: number): ServerStatus {
  const [first = ''] = word.split(' ');
  switch (first) {
    case 'UP':
    case 'no':
      return weight === 0 ? 'DRAIN' : first === 'UP' ? 'UP' : 'no check';
    case 'DRAIN':
    case 'MAINT':
    case 'NOLB':
      return first;
    default:
      return 'DOWN';
  }
}

function whyOf({ status, check_desc, check_code, last_chk, agent_desc, last_agt }: StatRow): string | null {
  const isAgents = status.includes('agent');
  const [what, words] = isAgents ? [agent_desc, last_agt] : [check_desc, last_chk];
  const code = isAgents || check_code === '' || check_code === '0' ? '' : ` (${check_code})`;
  const said = [what === '' ? '' : `${what}${code}`, words].filter((one) => one !== '').join(': ');
  return said === '' ? null : said;
}

function drainedBy({ status }: StatRow, { bits, isReweighted }: AdminState): DrainedBy {
  if (status.includes('(agent)')) {
    return 'agent';
  }
  if (bits & ADMIN.configuredMaint) {
    return 'template';
  }
  if (bits & (ADMIN.forcedMaint | ADMIN.forcedDrain)) {
    return 'hand';
  }
  if (bits & (ADMIN.inheritedMaint | ADMIN.inheritedDrain)) {
    return 'tracked server';
  }
  if (bits & ADMIN.unresolved) {
    return 'resolvers';
  }
  return isReweighted ? 'hand' : 'template';
}
