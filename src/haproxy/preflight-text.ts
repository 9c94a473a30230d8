import { unixPath } from '../plan/global-lines.ts';
import { isSection } from '../plan/sections.ts';
import { readWords } from '../plan/words.ts';

/** An address of a `bind` line that can be judged: a literal one, of TCP. */
export interface TcpBind {
  /** `127.0.0.1`, `::1`; `0.0.0.0` and `::` for all. */
  readonly host: string;
  readonly port: number;
  /** An IPv6 address that takes no IPv4. */
  readonly v6only: boolean;
  /** 1-based. */
  readonly line: number;
}

/** What of a configuration HAProxy needs from the machine when it loads it. */
export interface Demands {
  readonly binds: readonly TcpBind[];
  /** Absolute paths of unix sockets that it opens. */
  readonly sockets: readonly { readonly path: string; readonly line: number }[];
  readonly chroot: { readonly path: string; readonly line: number } | null;
  /** The descriptors that it needs at least; null where it does not say, or takes what it gets. */
  readonly descriptors: { readonly count: number; readonly line: number } | null;
}

/** A range of more ports than this is not looked through. */
const MOST_PORTS = 128;

/**
 * Reads what HAProxy will need. What depends on the environment, on conditions (`.if`), on an interface, a
 * namespace or a descriptor that is passed on is left out: it cannot be judged from the text.
 */
export function demandsOf(text: string): Demands {
  const binds: TcpBind[] = [];
  const sockets: { path: string; line: number }[] = [];
  let chroot: Demands['chroot'] = null;
  let maxconn: { count: number; line: number } | null = null;
  let strict = true;
  let prefix = '';
  let section = '';
  let condition = 0;
  const addSocket = (address: string, line: number) => {
    const path = unixPath(address, prefix);
    if (path !== null) {
      sockets.push({ path, line });
    }
  };
  for (const [index, raw] of text.split('\n').entries()) {
    const words = wordsOf(raw);
    const line = index + 1;
    if (words === null) {
      continue;
    }
    const [first = '', second = '', third = ''] = words;
    if (first === '.if') {
      condition += 1;
    } else if (first === '.endif') {
      condition -= 1;
    }
    if (condition > 0 || first.startsWith('.')) {
      continue;
    }
    if (isSection(first)) {
      section = first;
    } else if (section === 'global') {
      if (first === 'chroot' && second.startsWith('/')) {
        chroot = { path: second, line };
      } else if (first === 'maxconn') {
        maxconn = { count: Number(second), line };
      } else if (first === 'no' && second === 'strict-limits') {
        strict = false;
      } else if (first === 'unix-bind' && second === 'prefix') {
        prefix = third;
      } else if (first === 'stats' && second === 'socket') {
        addSocket(third, line);
      }
    } else if (first === 'bind' && (section === 'frontend' || section === 'listen')) {
      if (words.some((word) => APART.has(word))) {
        continue;
      }
      second.split(',').forEach((address) => void addSocket(address, line));
      bindsOf(words, line).forEach((bind) => void binds.push(bind));
    }
  }
  // A connection takes a descriptor on each side (configuration manual, "maxconn" of "global").
  const descriptors =
    strict && maxconn !== null && maxconn.count > 0 ? { count: 2 * maxconn.count, line: maxconn.line } : null;
  return { binds, sockets, chroot, descriptors };
}

/** Keywords of a `bind` with which another namespace, device or address than this machine's own is meant. */
const APART = new Set(['interface', 'namespace', 'transparent']);

/** What a `bind` line listens on, though it be on an interface; nothing where that is in another namespace. */
export function bindsOfLine(text: string): readonly TcpBind[] {
  const words = wordsOf(text);
  return words === null || words.includes('namespace') ? [] : bindsOf(words, 1);
}

/** The words of a line; null where one depends on the environment: addresses may also do so outside of quotes. */
function wordsOf(line: string): readonly string[] | null {
  const { words } = readWords(line);
  return words.some((word) => word.includes('$')) ? null : words;
}

const ADDRESS = /^(?:ipv4@|ipv6@|tcp@|tcp4@|tcp6@)?(.*?):(\d{1,5})(?:-(\d{1,5}))?$/;

/** The addresses of the words of a `bind` line. */
function bindsOf(words: readonly string[], line: number): TcpBind[] {
  const of = { v6only: words.includes('v6only'), line };
  return (words[1] ?? '').split(',').flatMap((address) => bindsAt(address, of));
}

function bindsAt(address: string, of: Pick<TcpBind, 'v6only' | 'line'>): TcpBind[] {
  const found = ADDRESS.exec(address);
  if (!found) {
    return [];
  }
  const host = hostOf(found[1] ?? '', address);
  const first = Number(found[2]);
  const last = Number(found[3] ?? first);
  if (host === null || first < 1 || last > 65_535 || last - first >= MOST_PORTS) {
    return [];
  }
  return Array.from({ length: last - first + 1 }, (_, index) => ({ host, port: first + index, ...of }));
}

/** Null for a host name. */
function hostOf(text: string, address: string): string | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (bare === '' || bare === '*') {
    return /^(?:ipv6|tcp6)@/.test(address) ? '::' : '0.0.0.0';
  }
  return /^\d+\.\d+\.\d+\.\d+$/.test(bare) || /^[0-9a-fA-F]*:[0-9a-fA-F:.]*$/.test(bare) ? bare : null;
}

/** Binds of `next` that `now` does not have, and does not overlap: what HAProxy would have to open anew. */
export function addedBinds(next: readonly TcpBind[], now: readonly TcpBind[]): readonly TcpBind[] {
  const held = Map.groupBy(now, ({ port }) => port);
  const seen = new Set<string>();
  return next.filter((bind) => {
    const name = `${bind.host} ${bind.port}`;
    const first = !seen.has(name);
    seen.add(name);
    return first && !held.get(bind.port)?.some((other) => overlap(bind, other));
  });
}

type Address = Pick<TcpBind, 'host' | 'port'>;

/** Whether both cannot be bound by strangers to each other; a wildcard overlaps with everything. */
export function overlap(one: Address, other: Address): boolean {
  const all = ({ host }: Address) => host === '0.0.0.0' || host === '::';
  return one.port === other.port && (all(one) || all(other) || one.host === other.host);
}
