/** A server as a worker has it (`show servers state`; management guide 9.3). */
export interface ServerRow {
  readonly backend: string;
  readonly server: string;
  /** As HAProxy writes it; `-` where it has none yet. */
  readonly host: string;
  readonly port: number;
  /** The weight that counts, from 0 to 256. */
  readonly weight: number;
  readonly state: 'down' | 'starting' | 'up' | 'stopping';
  /** What it was told: no sessions, no new sessions, or nothing of that. */
  readonly admin: 'ready' | 'maint' | 'drain';
  /** The row as it came. */
  readonly line: string;
}

const STATES = ['down', 'starting', 'up', 'stopping'] as const;
/** `SRV_ADMF_FMAINT`. That the file said so (`SRV_ADMF_CMAINT`) stays when the server is made ready. */
const MAINT = 0x01;
/** `SRV_ADMF_FDRAIN`. */
const DRAIN = 0x08;

/** Reads the rows of `show servers state`; null where it is something else. */
export function parseServerRows(answer: string): ServerRow[] | null {
  const lines = answer.split('\n').filter((line) => line !== '');
  if (lines[0] !== '1' || !lines[1]?.startsWith('# be_id be_name srv_id srv_name srv_addr ')) {
    return null;
  }
  return lines.slice(2).map(readRow);
}

function readRow(line: string): ServerRow {
  const columns = line.split(' ');
  const admin = Number(columns[6]);
  return {
    backend: columns[1] ?? '',
    server: columns[3] ?? '',
    host: columns[4] ?? '-',
    state: STATES[Number(columns[5])] ?? 'up',
    admin: admin & MAINT ? 'maint' : admin & DRAIN ? 'drain' : 'ready',
    weight: Number(columns[7]),
    port: Number(columns[18]),
    line,
  };
}

/** Whether two literal addresses are the same one, however they are written. */
export function sameHost(a: string, b: string): boolean {
  return a === b || (a.includes(':') && b.includes(':') && canonical(a) === canonical(b));
}

function canonical(address: string): string {
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname : address.toLowerCase();
}
