import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { containersOf } from './containers.ts';
import { startProcess, type TestProcess, waitFor } from './haproxy.ts';

/** Where a Docker engine runs, and what it has of its own. */
export interface DockerdOptions {
  /** The first process of the namespaces that it lives in; without one it ends with them. */
  readonly first: number;
  /** For its data, its socket `s` and its configuration `daemon.json`, which lies there. */
  readonly folder: string;
  /** The control group of its containers. */
  readonly group: string;
  /** Further flags. */
  readonly flags: readonly string[];
}

/** A dockerd that runs. Its pid is the one out here. */
export interface Dockerd extends TestProcess {
  readonly dockerd: number;
}

/** The path of an engine's socket. */
export const socketIn = (folder: string): string => path.join(folder, 's');

/** Starts dockerd in namespaces that are there, and waits until it serves. It touches no packet filter. */
export async function startDockerd(options: DockerdOptions): Promise<Dockerd> {
  const { first, folder, group, flags } = options;
  const socket = socketIn(folder);
  const started = await startProcess('nsenter', [
    ...['--target', String(first), '--pid', '--mount', '--net', '--uts', 'dockerd'],
    ...['--host', `unix://${socket}`, '--data-root', path.join(folder, 'root')],
    ...['--exec-root', path.join(folder, 'exec'), '--pidfile', path.join(folder, 'pid')],
    ...['--config-file', path.join(folder, 'daemon.json'), '--cgroup-parent', `/${group}`],
    ...['--iptables=false', '--ip-forward=false', '--ip-masq=false'],
    ...flags,
  ]);
  let ended = false;
  void started.ended.then(() => {
    ended = true;
  });
  const { api } = containersOf(socket);
  await waitFor(
    async () => {
      if (ended) {
        throw new Error(`dockerd did not start:\n${started.output().slice(-4_000)}`);
      }
      return api('GET', '/_ping').catch(() => null);
    },
    { what: 'dockerd', timeout: 60_000 },
  );
  return { ...started, dockerd: await waitFor(() => childOf(started.pid)) };
}

/** The first child of a process; undefined as long as there is none. */
export async function childOf(pid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const [child] = children.split(' ').filter((text) => text !== '');
  return child === undefined ? undefined : Number(child);
}

/** Removes what is left of an engine's control groups, in whatever hierarchy. */
export async function removeGroups(group: string): Promise<void> {
  const groups = '/sys/fs/cgroup';
  const controllers = await readdir(groups).catch(() => []);
  for (const parent of [groups, ...controllers.map((name) => path.join(groups, name))]) {
    await execa('find', [path.join(parent, group), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], {
      reject: false,
    });
  }
}
