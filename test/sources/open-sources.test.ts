import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { mergeSources } from '../../src/sources/merge-sources.ts';
import { openSources, type SourceChoice, type SourcesSettings } from '../../src/sources/open-sources.ts';
import { writeTree } from '../../src/sources/write-tree.ts';
import { startEtcd } from '../support/etcd.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const openMerged = (settings: SourcesSettings, choice?: SourceChoice) =>
  mergeSources(openSources(settings, choice));

const prefixes = { services: ['/services'], routes: ['/routes'], keys: ['/haproxy'] };

function signal() {
  return AbortSignal.timeout(10_000);
}

test('the sources of the settings are merged in their order, and what is dumped reads back the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-open-'));
  try {
    const path = join(folder, 'datastores.yaml');
    await writeFile(path, 'services/db/one: { host: 10.1.0.1, port: 5432 }\nhaproxy: { maxconn: 4096 }\n');
    await using etcd = await startEtcd();
    await etcd.put('/services/web/a', '10.0.0.1:80');
    await etcd.put('/haproxy/maxconn', '1');
    const settings: SourcesSettings = {
      sources: [
        { kind: 'etcd', endpoints: [etcd.endpoint] },
        { kind: 'file', path },
      ],
      prefixes,
    };
    await using seen = new SourceRecorder(openMerged(settings));
    await seen.until(() => seen.states.filter((state) => state === 'live').length === 2);
    expect(seen.values).toEqual({
      '/haproxy/maxconn': '4096',
      '/services/db/one': '{"host":"10.1.0.1","port":5432}',
      '/services/web/a': '10.0.0.1:80',
    });

    const read = await openMerged(settings).read(signal());
    const dump = writeTree(read, prefixes);
    const dumped = join(folder, 'tree.yaml');
    await writeFile(dumped, dump);
    const sorted = [...read].sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(await openMerged(settings, { from: dumped }).read(signal())).toEqual(sorted);
    const piped = openMerged(settings, { from: '-', stdin: Readable.from([dump]) });
    expect(await piped.read(signal())).toEqual(sorted);
    await using again = new SourceRecorder(piped);
    await again.until(() => again.states.includes('live'));
    expect(again.tree.size).toBe(3);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a broken standard input is told with its line', async () => {
  const piped = openMerged({ sources: [], prefixes }, { from: '-', stdin: Readable.from(['a: 1\nb: [']) });
  await expect(piped.read(signal())).rejects.toThrow('reading standard input:2: ');
  const stdin = Readable.from([Buffer.from('a: 1\nb: \xff\n', 'latin1')]);
  const latin1 = openMerged({ sources: [], prefixes }, { from: '-', stdin });
  await expect(latin1.read(signal())).rejects.toThrow('reading standard input:2: it is no UTF-8');
});
