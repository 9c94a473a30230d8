import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { importsOf, sourceFiles } from '../architecture/source-file.ts';
import { storedKey, WEB, WEB_KEY } from '../support/announce.ts';
import { startEtcd } from '../support/etcd.ts';
import { startProcess, tempFolder, waitFor } from '../support/haproxy.ts';

/** As it is installed: from the sources Node would hold a compiler of TypeScript besides. */
const BUILT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const MOST_BYTES = 85_000_000;

test('announce loads no package that it does not need', () => {
  const files = new Map(sourceFiles().map((file) => [file.path, file]));
  const seen = new Set<string>();
  const packages = new Set<string>();
  const waiting = ['commands/announce.ts'];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = files.get(path);
    if (file === undefined || seen.has(path)) {
      continue;
    }
    seen.add(path);
    for (const found of importsOf(file)) {
      if (found.kind === 'ours') {
        waiting.push(found.path);
      } else if (!found.name.startsWith('node:')) {
        packages.add(found.name);
      }
    }
  }
  expect([...packages].toSorted()).toEqual(['@grpc/grpc-js', 'protobufjs/minimal.js', 'yaml', 'zod']);
});

test('one partner takes less than 85 MB', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const own = ['--etcd', etcd.endpoint, '--set', `stateDir=${state.path}`, '--drain', '0s'];
  await using announce = await startProcess(process.execPath, [BUILT, 'announce', ...own, ...WEB]);
  await waitFor(async () => (await storedKey(etcd, WEB_KEY)) !== null, { what: 'the key', timeout: 30_000 });
  const resident = () => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${announce.pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  };
  await waitFor(() => resident() < MOST_BYTES, { what: `${MOST_BYTES} bytes, and not ${resident()}` });
  expect(resident()).toBeGreaterThan(20_000_000);
});
