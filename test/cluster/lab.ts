import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { removeGroups } from '../support/dockerd.ts';
import { waitFor } from '../support/haproxy.ts';
import { holdName } from '../support/held-name.ts';

/** A network of this machine alone: machines in namespaces of their own, on a bridge that leads nowhere. */
export interface Lab extends AsyncDisposable {
  /** What all of its namespaces begin with, and the name of its bridge: `pmc-17`. */
  readonly name: string;
  /** For whatever its machines write. */
  readonly folder: string;
  /** An address of it; 1 is the bridge, which is this machine itself. */
  address(number: number): string;
  /** Those of all machines that may be. */
  readonly addresses: readonly string[];
}

/** Nobody else has these: there are 256 networks of 254 addresses for as many labs of this machine. */
const NETWORK = '10.232';
const PREFIX = 'pmc-';
/** They have the addresses from 2 on. */
const MACHINES = 40;

/** Takes a network that nobody has now, and removes what is left of those that were killed. */
export async function openLab(): Promise<Lab> {
  if (process.getuid?.() !== 0) {
    throw new Error('opening network namespaces: that takes root; call it with sudo');
  }
  await sweep();
  for (;;) {
    const number = Math.floor(Math.random() * 256);
    const name = `${PREFIX}${number}`;
    const held = await holdName(name);
    if (!held) {
      continue;
    }
    const folder = path.join(tmpdir(), name);
    const address = (last: number) => `${NETWORK}.${number}.${last}`;
    await mkdir(folder, { mode: 0o755 });
    await execa('ip', ['link', 'add', name, 'type', 'bridge']);
    await execa('ip', ['address', 'add', `${address(1)}/24`, 'dev', name]);
    await execa('ip', ['link', 'set', name, 'up']);
    return {
      name,
      folder,
      address,
      addresses: Array.from({ length: MACHINES }, (_, at) => address(at + 2)),
      async [Symbol.asyncDispose]() {
        await remove(name);
        held.close();
      },
    };
  }
}

/** Whatever bears the name of a lab that nobody holds any more. */
async function sweep(): Promise<void> {
  const { stdout } = await execa('ip', ['-o', 'link', 'show', 'type', 'bridge']);
  const found = [...stdout.split('\n'), ...(await namespaces()), ...(await readdir(tmpdir()))].flatMap(
    (text) => /(?:^|\s)(pmc-\d+)(?![\d])/.exec(text)?.[1] ?? [],
  );
  for (const name of new Set(found)) {
    const held = await holdName(name);
    if (held) {
      await remove(name);
      held.close();
    }
  }
}

/** The bridge, the namespaces with what still runs in them, the control groups and the folder of a lab. */
async function remove(name: string): Promise<void> {
  const own = (await namespaces()).filter((one) => one.startsWith(`${name}-`));
  for (const namespace of own) {
    await waitFor(() => isEmptied(namespace), { what: `the end of what runs in ${namespace}` });
    await execa('ip', ['netns', 'delete', namespace], { reject: false });
    await removeGroups(namespace);
  }
  const { stdout } = await execa('ip', ['-o', 'link', 'show', 'master', name], { reject: false });
  for (const link of [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map(([, port = '']) => port)) {
    await execa('ip', ['link', 'delete', link], { reject: false });
  }
  await execa('ip', ['link', 'delete', name], { reject: false });
  await rm(path.join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 });
}

/** Kills what runs there; whether nothing did. */
async function isEmptied(namespace: string): Promise<boolean> {
  const { stdout } = await execa('ip', ['netns', 'pids', namespace], { reject: false });
  const pids = stdout.split('\n').filter((line) => line !== '');
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  return pids.length === 0;
}

async function namespaces(): Promise<readonly string[]> {
  const { stdout } = await execa('ip', ['netns', 'list']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}
