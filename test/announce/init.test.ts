import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startProcess, type TestProcess, tempFolder, waitFor } from '../support/haproxy.ts';

const AS_INIT = fileURLToPath(new URL('as-init.ts', import.meta.url));

/** Runs it as process 1 of a PID namespace, as in a container. */
async function inNamespace(...command: string[]): Promise<TestProcess> {
  // Who is not root may make one inside of a namespace of users.
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const flags = [...user, '--pid', '--fork', '--kill-child'];
  const started = await startProcess('unshare', [...flags, process.execPath, AS_INIT, ...command]);
  return {
    ...started,
    [Symbol.asyncDispose]: async () => {
      // It takes no notice of SIGTERM.
      started.child.kill('SIGKILL');
      await started.ended;
    },
  };
}

/** The process that is process 1 in there, as seen from here. */
async function initOf({ pid }: TestProcess): Promise<number> {
  const [child] = await childrenOf(pid);
  if (child === undefined) {
    throw new Error('unshare has no child');
  }
  return child;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

async function zombiesBelow(pid: number): Promise<number> {
  let count = 0;
  for (const name of (await readdir('/proc')).filter((one) => /^\d+$/.test(one))) {
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    count += state === 'Z' && Number(parent) === pid ? 1 : 0;
  }
  return count;
}

test('as process 1 of a container we leave no zombies of those whose parents have gone', async () => {
  await using folder = await tempFolder();
  // Each `sh` leaves a `sleep` behind, which goes to process 1 and ends there.
  const script = `i=0; while [ $i -lt 20 ]; do sh -c 'sleep 0.05 & echo $!' >> ${folder.path}/orphans; i=$((i+1)); done; exec sleep 30`;
  await using ran = await inNamespace('sh', '-c', script);
  const orphans = async () => (await readFile(`${folder.path}/orphans`, 'utf8').catch(() => '')).split('\n');
  await waitFor(async () => (await orphans()).length > 20);
  const init = await initOf(ran);
  await waitFor(async () => (await zombiesBelow(init)) === 0 && (await childrenOf(init)).length === 1, {
    what: 'an end of the orphans',
  });
});

test.each([
  ['exit 7', 7],
  ['exit 0', 0],
  ['kill -9 $$', 137],
])('as process 1 the exit code of the service is ours: %s', async (script, code) => {
  await using ran = await inNamespace('sh', '-c', script);
  expect(await ran.ended).toBe(code);
});

test.each([
  ['SIGTERM', 'TERM'],
  ['SIGHUP', 'HUP'],
  ['SIGINT', 'INT'],
] as const)(
  'as process 1 %s goes on to the service, whose own exit code is waited for',
  async (signal, name) => {
    await using folder = await tempFolder();
    const ready = `${folder.path}/ready`;
    const script = `trap 'sleep 0.3; exit 9' ${name}; echo > ${ready}; while :; do sleep 0.05; done`;
    await using ran = await inNamespace('sh', '-c', script);
    await waitFor(() => existsSync(ready));
    process.kill(await initOf(ran), signal);
    expect(await ran.ended).toBe(9);
  },
);
