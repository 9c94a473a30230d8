import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { overlap, type TcpBind } from './preflight-text.ts';
import { until } from './until.ts';

/** An old worker that lets its port go needs a moment for it. */
const PATIENCE = 250;

/**
 * Tries to listen on an address, as HAProxy will, and lets it go at once. Gives what is in the way, or null; what
 * only this process may not do (a port under 1024) is no judgement.
 */
export async function tryBind(bind: TcpBind): Promise<string | null> {
  const look = async () => {
    const code = await listen(bind);
    return code === 'EADDRINUSE' ? null : { code };
  };
  const found = await until(look, { limit: PATIENCE, every: 50 });
  if (found === null) {
    const holder = await holderOf(bind.port);
    return `${holder ?? 'another process'} holds this port. Stop it, or take another port.`;
  }
  return found.code === 'EADDRNOTAVAIL'
    ? `this machine has no address ${bind.host}. Correct the bind, or add the address.`
    : null;
}

/** Whether an address cannot be listened on right now: somebody holds the port, or this machine does not have it. */
export async function isHeld(bind: TcpBind): Promise<boolean> {
  const code = await listen(bind);
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL';
}

function listen({ host, port, v6only }: TcpBind): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true, ipv6Only: v6only }, () => {
      server.close(() => resolve(null));
    });
  });
}

/**
 * Whether everything that HAProxy listens on is listened on in our network namespace: only then can we try its
 * ports. Two containers on the host's network share it; their processes do not see each other.
 */
export async function seesTheNetworkOf(running: readonly TcpBind[]): Promise<boolean> {
  const listening = await listeners();
  return running.length > 0 && running.every((bind) => listening.some((one) => overlap(bind, one)));
}

type Listener = Pick<TcpBind, 'host' | 'port'> & { readonly inode: string };

/** The listening TCP sockets of our network namespace (proc(5), /proc/net/tcp: state 0A). */
async function listeners(): Promise<readonly Listener[]> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => ''));
  const lines = (await Promise.all(tables)).flatMap((table) => table.split('\n').slice(1));
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [address = '', port = ''] = fields[1]?.split(':') ?? [];
    const listener = { host: addressOf(address), port: Number.parseInt(port, 16), inode: fields[9] ?? '' };
    return fields[3] === '0A' ? [listener] : [];
  });
}

/** The kernel writes IPv4 addresses as one number in the machine's order (little-endian); IPv6 only tells all or one. */
function addressOf(hex: string): string {
  if (/^0+$/.test(hex)) {
    return hex.length > 8 ? '::' : '0.0.0.0';
  }
  if (hex.length > 8) {
    return hex;
  }
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

/** The process that listens on a port, as `process 812 (nginx)`; null where it cannot be seen. */
async function holderOf(port: number): Promise<string | null> {
  const inodes = new Set((await listeners()).filter((one) => one.port === port).map((one) => one.inode));
  if (inodes.size === 0) {
    return null;
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const name of names) {
      const link = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode === undefined || !inodes.has(inode)) {
        continue;
      }
      const comm = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
      return `process ${pid}${comm === '' ? '' : ` (${comm})`}`;
    }
  }
  return null;
}
