import { Tree } from '../../src/model/tree.ts';
import { hashText, splitMark } from '../../src/plan/mark.ts';
import { cli, waitFor } from '../support/haproxy.ts';
import type { View } from './outlook.ts';
import type { World } from './world.ts';

/** What of `/api/status` is looked at. */
interface Report {
  readonly ready: boolean;
  readonly pending: string | null;
  readonly hashes: Record<'raw' | 'believed' | 'served' | 'text' | 'running', string | null>;
  readonly held: readonly unknown[];
  readonly quarantined: readonly unknown[];
}

const QUIET = 30_000;

/**
 * Whether the tree of a fresh full read, the believed one, the file and what HAProxy runs are one and the same by
 * now, within 30 s. What differs, else nothing.
 */
export async function disagreements(world: World): Promise<string[]> {
  let found: string[] = [];
  const agree = async () => {
    found = await differences(world);
    return found.length === 0;
  };
  await waitFor(agree, { timeout: QUIET, every: 500 }).catch(() => undefined);
  return found;
}

async function differences(world: World): Promise<string[]> {
  const { store, site, outlook, daemon } = world;
  const raw = new Tree();
  raw.apply((await store.read()).map((entry) => ({ kind: 'put', entry })));
  const view = await outlook.look();
  if (!view) {
    return ['HAProxy does not answer'];
  }
  const { text, mark } = splitMark(view.file);
  const answer = await cli(site.masterSocket, '@1 get var proc.pointsman_mark').catch(String);
  const running = /value=<([^>]+)>/.exec(answer)?.[1] ?? answer;
  const status = (await daemon.status()) as unknown as Report;
  const wrong: string[] = [];
  const equal = (what: string, is: unknown, should: unknown) => {
    if (is !== should) {
      wrong.push(`${what} is ${is}, not ${should}`);
    }
  };
  equal('ready', status.ready, true);
  equal('what is pending', status.pending, null);
  equal('the number of held keys', status.held.length, 0);
  equal('the number of quarantined units', status.quarantined.length, 0);
  equal("the daemon's raw tree", status.hashes.raw, raw.hash);
  equal('the believed tree', status.hashes.believed, raw.hash);
  equal('the served tree', status.hashes.served, raw.hash);
  equal("the daemon's text", status.hashes.text, hashText(text));
  equal("the file's mark", mark, hashText(text));
  equal('what HAProxy says it runs', running, mark);
  wrong.push(...serverDifferences(view));
  // Dear: a process of its own that reads everything anew.
  if (wrong.length > 0) {
    return wrong;
  }
  const fresh = await site.run('render', '--dry-run');
  equal('the exit code of render --dry-run', fresh.code, 0);
  if (fresh.stdout !== text) {
    wrong.push('the text of a fresh render is not the one of the file');
  }
  return wrong;
}

/** The servers of the file against those that HAProxy has. One that left lingers in maintenance until its end. */
function serverDifferences({ file, rows }: View): string[] {
  const wanted = new Map<string, string>();
  let backend = '';
  for (const line of file.split('\n')) {
    backend = /^backend (\S+)/.exec(line)?.[1] ?? backend;
    const server = /^ {2}server (\S+) 127\.0\.0\.1:(\d+)(?:.* weight (\d+))?/.exec(line);
    if (server) {
      wanted.set(`${backend}/${server[1]}`, `port ${server[2]}, weight ${server[3] ?? 1}, ready`);
    }
  }
  const wrong: string[] = [];
  for (const row of rows) {
    const name = `${row.backend}/${row.server}`;
    const has = `port ${row.port}, weight ${row.weight}, ${row.admin}`;
    const should = wanted.get(name);
    wanted.delete(name);
    if (should === undefined && row.admin === 'maint') {
      continue;
    }
    if (has !== should) {
      wrong.push(`${name} in HAProxy has ${has}; in the file it has ${should ?? 'no line'}`);
    }
  }
  for (const name of wanted.keys()) {
    wrong.push(`${name} of the file is not in HAProxy`);
  }
  return wrong;
}
