import { access, constants, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Preflight } from '../ports/judge.ts';
import { masterOfWorker } from './haproxy-process.ts';
import { isHeld, seesTheNetworkOf, tryBind } from './preflight-binds.ts';
import { addedBinds, bindsOfLine, type Demands, demandsOf, type TcpBind } from './preflight-text.ts';
import { haproxyVersion } from './version.ts';

/**
 * Looks for what `haproxy -c` is content with and a reload fails over: an added port that somebody holds (HAProxy
 * refuses all new connections for 2 s over it), an address that is not local, a missing chroot (2.6 and 3.0 end over
 * it) or socket folder, fewer descriptors than `maxconn` needs, a port that only root may open. It judges only what Pointsman can see as HAProxy
 * does: its files where both have one mount namespace, its ports where both have one network. Else it says nothing.
 */
export function createPreflight(): Preflight {
  return {
    async check(fileText, running, signal) {
      const next = demandsOf(fileText);
      const seen = running.pid === null ? null : await lookAt(running.pid);
      const found = [
        ...(seen?.sameFiles ? await missingFolders(next, seen) : []),
        ...(seen?.sameFiles ? await forbiddenChroot(next, seen, signal) : []),
        ...(seen ? tooFewDescriptors(next, seen) : []),
      ];
      const taken = running.text === null ? [] : await takenPorts(next, demandsOf(running.text), seen);
      if (found.length + taken.length === 0) {
        return null;
      }
      const output = [...found, ...taken.map(({ words }) => words)].join('\n');
      return { output, lines: found.length > 0 ? [] : taken.map(({ line }) => line) };
    },
    async inTheWay(lines, running) {
      const held = new Set<string>();
      const seen = running.pid === null ? null : await lookAt(running.pid);
      for (const line of lines) {
        if (await isAnyHeld(line, seen)) {
          held.add(line);
        }
      }
      // What is taken needs no second look, which costs more.
      const isSure =
        held.size === lines.length ||
        (running.text !== null && (await seesTheNetworkOf(demandsOf(running.text).binds)));
      return isSure ? held : null;
    },
  };
}

/** One after the other: two at once could be in each other's way. */
async function isAnyHeld(line: string, seen: Seen | null): Promise<boolean> {
  for (const bind of bindsOfLine(line)) {
    if (isForbidden(bind, seen) || (await isHeld(bind))) {
      return true;
    }
  }
  return false;
}

/** What is known of the HAProxy that runs. */
interface Seen {
  /** It has our mount namespace: a path means the same to both. */
  readonly sameFiles: boolean;
  /** It was started by our own user, so that it may write what we may write. */
  readonly sameUser: boolean;
  /** Descriptors that it can have; null where it may raise the limit, or that is not known. */
  readonly mostDescriptors: number | null;
  /** Only from this port on it may listen; 0 where it may on all, or that is not known. */
  readonly firstPort: number;
  /** False where it may lock itself into no folder. */
  readonly mayChroot: boolean;
  /** The program that its master runs. */
  readonly program: string;
}

/** Null where no haproxy with this pid is in our sight: its worker may live in another PID namespace. */
async function lookAt(worker: number): Promise<Seen | null> {
  // The master opens the sockets and sets the limits; a worker may have dropped its rights.
  const master = await masterOfWorker(worker);
  if (master === null) {
    return null;
  }
  const [ours, theirs, owner, limits, status, start] = await Promise.all([
    readlink('/proc/self/ns/mnt').catch(() => null),
    readlink(`/proc/${master}/ns/mnt`).catch(() => null),
    stat(`/proc/${master}`).catch(() => null),
    ...[`/proc/${master}/limits`, `/proc/${master}/status`, FIRST_PORT].map((name) =>
      readFile(name, 'utf8').catch(() => ''),
    ),
  ]);
  return {
    sameFiles: ours !== null && ours === theirs,
    sameUser: owner !== null && owner.uid === process.getuid?.(),
    mostDescriptors: mostDescriptors(limits ?? '', status ?? ''),
    firstPort: firstPort(start ?? '', status ?? ''),
    mayChroot: hasRight(status ?? '', CAP_SYS_CHROOT) !== false,
    program: `/proc/${master}/exe`,
  };
}

/** From this port on anybody may listen (ip(7)), in our network namespace. */
const FIRST_PORT = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const CAP_NET_BIND_SERVICE = 10n;
const CAP_SYS_CHROOT = 18n;
const CAP_SYS_RESOURCE = 24n;

/** Whether a process has a capability, or gets it when it executes itself anew, as a master does; null where that is not known. */
function hasRight(status: string, capability: bigint): boolean | null {
  const [uid, effective, bounding] = [/^Uid:\s+(\d+)/m, /^CapEff:\s+(\w+)/m, /^CapBnd:\s+(\w+)/m].map(
    (line) => line.exec(status)?.[1],
  );
  if (uid === undefined || effective === undefined || bounding === undefined) {
    return null;
  }
  return (BigInt(`0x${uid === '0' ? bounding : effective}`) & (1n << capability)) !== 0n;
}

function mostDescriptors(limits: string, status: string): number | null {
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1];
  return hard !== undefined && hasRight(status, CAP_SYS_RESOURCE) === false ? Number(hard) : null;
}

function firstPort(start: string, status: string): number {
  return /^\d+\s*$/.test(start) && hasRight(status, CAP_NET_BIND_SERVICE) === false ? Number(start) : 0;
}

/** HAProxy may not listen there, whoever else does. */
function isForbidden({ port }: TcpBind, seen: Seen | null): boolean {
  return seen !== null && port < seen.firstPort;
}

async function missingFolders(next: Demands, { sameUser }: Seen): Promise<string[]> {
  const found: string[] = [];
  if (next.chroot && !(await isFolder(next.chroot.path))) {
    const { line, path: folder } = next.chroot;
    found.push(`line ${line}, chroot: there is no folder ${folder}. Make it: HAProxy would end over it.`);
  }
  for (const { path: socket, line } of next.sockets) {
    const folder = path.dirname(socket);
    if (!(await isFolder(folder))) {
      found.push(`line ${line}, socket ${socket}: there is no folder ${folder}. Make it.`);
    } else if (sameUser && !(await canWrite(folder))) {
      found.push(`line ${line}, socket ${socket}: HAProxy's user may not write to ${folder}. Let it.`);
    }
  }
  return found;
}

/** Branches that end over a chroot which they may not do; from 3.4 on it is tried by other means. */
const ENDS = /^(?:2\.\d+|3\.[0-3])$/;

async function forbiddenChroot(
  { chroot }: Demands,
  { mayChroot, program }: Seen,
  signal: AbortSignal,
): Promise<string[]> {
  if (chroot === null || mayChroot) {
    return [];
  }
  const version = await haproxyVersion(program, signal).catch(() => null);
  signal.throwIfAborted();
  return version !== null && ENDS.test(version.branch)
    ? [
        `line ${chroot.line}, chroot: HAProxy may not do it (it takes root, or CAP_SYS_CHROOT), and would end over it. Take it out.`,
      ]
    : [];
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    // What we may not look at is no judgement.
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}

function canWrite(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

function tooFewDescriptors({ descriptors }: Demands, { mostDescriptors: most }: Seen): string[] {
  if (!descriptors || most === null || descriptors.count <= most) {
    return [];
  }
  const { count, line } = descriptors;
  return [
    `line ${line}, maxconn: it needs ${count} descriptors, and HAProxy may have ${most}. Raise its limit (LimitNOFILE, --ulimit nofile), or lower maxconn.`,
  ];
}

async function takenPorts(
  next: Demands,
  now: Demands,
  seen: Seen | null,
): Promise<{ readonly line: number; readonly words: string }[]> {
  const added = addedBinds(next.binds, now.binds);
  if (added.length === 0 || !(await seesTheNetworkOf(now.binds))) {
    return [];
  }
  const tried = await Promise.all(
    added.map(async (bind) => ({
      bind,
      trouble: isForbidden(bind, seen)
        ? `HAProxy may not listen on ports under ${seen?.firstPort}. Take another one, or give it CAP_NET_BIND_SERVICE (or lower net.ipv4.ip_unprivileged_port_start).`
        : await tryBind(bind),
    })),
  );
  return tried.flatMap(({ bind, trouble }) =>
    trouble === null
      ? []
      : [{ line: bind.line, words: `line ${bind.line}, bind ${bind.host}:${bind.port}: ${trouble}` }],
  );
}
