import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startEc2 } from '../support/ec2.ts';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import {
  freePort,
  request,
  startProcess,
  type TestProcess,
  tempFolder,
  waitFor,
} from '../support/haproxy.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const LIMIT = 40_000;

interface Candidate extends AsyncDisposable {
  readonly process: TestProcess;
  /** Writes its settings anew, with more of them. */
  configure(more: object): Promise<void>;
  /** What its file source has from now on. */
  say(services: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<void>;
  leads(): boolean;
}

/** Starts a `sync` of a file with a folder of its own, or of the sources that are named. */
async function candidate(
  etcd: TestEtcd,
  {
    services = {},
    sources = [{ file: { path: './stores.yaml' } }],
    env = {},
    flags = [],
    listen,
  }: {
    readonly services?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly sources?: readonly object[];
    readonly env?: Readonly<Record<string, string>>;
    readonly flags?: readonly string[];
    /** Where it serves its metrics. */
    readonly listen?: string;
  },
): Promise<Candidate> {
  const temp = await tempFolder();
  const say: Candidate['say'] = (now) =>
    writeFile(path.join(temp.path, 'stores.yaml'), JSON.stringify({ services: now }));
  await say(services);
  const settingsFile = path.join(temp.path, 'pointsman.yaml');
  const settings = {
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }, ...sources],
    stateDir: path.join(temp.path, 'state'),
    sync: { takeover: '2s', ...(listen && { listen }) },
    log: { format: 'json' },
  };
  const configure = (more: object) => writeFile(settingsFile, JSON.stringify({ ...settings, ...more }));
  await configure({});
  const process_ = await startProcess(process.execPath, [MAIN, 'sync', '--config', settingsFile, ...flags], {
    cwd: temp.path,
    env: { ...process.env, ...env },
  });
  return {
    process: process_,
    configure,
    say,
    leads: () => process_.output().includes('"leads":true'),
    async [Symbol.asyncDispose]() {
      await process_[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function stored(etcd: TestEtcd): Promise<Record<string, string>> {
  return etcd.client.getAll().prefix('/services/').strings();
}

function eventually(what: string, condition: () => boolean | Promise<boolean>, one: Candidate) {
  return waitFor(condition, { what, timeout: LIMIT }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${one.process.output()}`);
  });
}

const DB = { a: '10.0.0.1:5432', b: '10.0.0.2:5432' };

test('one of two writes what its source has; killed, the other has its place within the lease, and no key was away', async () => {
  await using etcd = await startEtcd();
  const anothers = '{"host":"10.0.0.9","port":1,"meta":{"owner":"somebody"}}';
  await etcd.put('/services/db/c', anothers);
  const [one, two] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const leads = async (listen: string) =>
    /^pointsman_sync_leader (\d)$/m.exec((await request(`http://${listen}/metrics`)).body)?.[1];
  await using first = await candidate(etcd, { services: { db: DB }, listen: one });
  await eventually('the keys', async () => Object.keys(await stored(etcd)).length === 3, first);
  const services = { db: { ...DB, c: '10.0.0.3:5432' } };
  await using second = await candidate(etcd, { services, listen: two });
  await eventually('the second to wait', () => second.process.output().includes('"leads":false'), second);
  expect([await leads(one), await leads(two)]).toEqual(['1', '0']);
  expect(await stored(etcd)).toEqual({
    '/services/db/a': '{"host":"10.0.0.1","port":5432,"meta":{"owner":"pointsman-sync"}}',
    '/services/db/b': '{"host":"10.0.0.2","port":5432,"meta":{"owner":"pointsman-sync"}}',
    '/services/db/c': anothers,
  });
  const created = async () => (await etcd.client.get('/services/db/a').exec()).kvs[0]?.create_revision;
  const before = await created();
  expect(second.leads()).toBe(false);

  first.process.child.kill('SIGKILL');
  await eventually('the second to lead', () => second.leads(), second);
  expect(await leads(two)).toBe('1');
  await second.say({ db: { a: '10.0.0.1:5432', c: '10.0.0.3:5432', d: '10.0.0.4:5432' } });
  await eventually(
    'its source to count',
    async () => Object.keys(await stored(etcd)).join() === '/services/db/a,/services/db/c,/services/db/d',
    second,
  );
  expect((await stored(etcd))['/services/db/c']).toBe(anothers);
  expect(second.process.output()).toMatch(
    /\/services\/db\/c is left alone: it is the owner somebody; .*\(sync\.owner\)/,
  );
  expect(await created()).toBe(before);
});

test('an empty answer deletes nothing, also at a start, until a person believes it', async () => {
  await using etcd = await startEtcd();
  const keys = async () => Object.keys(await stored(etcd)).join();
  const both = '/services/db/a,/services/db/b';
  {
    await using first = await candidate(etcd, { services: { db: DB } });
    await eventually('the keys', async () => (await keys()) === both, first);
    await first.say({});
    await eventually('the guard', () => first.process.output().includes('keys-held'), first);
    first.process.child.kill('SIGTERM');
    expect(await first.process.ended).toBe(0);
  }
  expect(await keys()).toBe(both);
  {
    await using second = await candidate(etcd, {});
    await eventually('the guard', () => second.process.output().includes('keys-held'), second);
    expect(await keys()).toBe(both);
    second.process.child.kill('SIGTERM');
    expect(await second.process.ended).toBe(0);
  }
  await using third = await candidate(etcd, { flags: ['--release'] });
  await eventually('the keys to go', async () => (await keys()) === '', third);
});

test('what EC2 has stands in etcd, and stays while EC2 refuses', async () => {
  await using etcd = await startEtcd();
  await using ec2 = await startEc2({
    instances: [{ id: 'i-1', privateIp: '10.0.0.1', tags: { role: 'db' } }],
  });
  const source = {
    region: 'eu-central-1',
    filters: { 'tag:role': 'db' },
    service: 'db',
    port: 5432,
    interval: '200ms',
  };
  await using one = await candidate(etcd, { sources: [{ ec2: source }], env: ec2.environment() });
  await eventually('the instance', async () => '/services/db/i-1' in (await stored(etcd)), one);
  ec2.answer = () => ({ status: 200, body: '<html>login</html>' });
  await eventually('that it is told', () => one.process.output().includes('"state":"stale"'), one);
  expect(await stored(etcd)).toEqual({
    '/services/db/i-1': '{"host":"10.0.0.1","port":5432,"meta":{"owner":"pointsman-sync"}}',
  });
});

test('without anything to write it says what to name', async () => {
  await using etcd = await startEtcd();
  await using one = await candidate(etcd, { sources: [] });
  expect(await one.process.ended).toBe(2);
  expect(one.process.output()).toContain('name nothing but etcd');
});

test('its settings are followed: guard and log are taken, the rest is named, and a file that does not fit changes nothing', async () => {
  await using etcd = await startEtcd();
  await using one = await candidate(etcd, { services: { db: DB, web: { a: '10.0.1.1:80' } } });
  const keys = async () => Object.keys(await stored(etcd)).length;
  const said = (words: RegExp) => () => words.test(one.process.output());
  await eventually('the keys', async () => (await keys()) === 3, one);
  await one.say({ db: DB });
  await eventually('the guard', said(/"event":"keys-held"/), one);
  await one.configure({ guard: { hold: 'soon' } });
  await eventually('a refusal', said(/"event":"settings-refused".*stay as they were: .*guard\.hold/), one);
  expect(await keys()).toBe(3);
  await one.configure({ guard: { hold: '1s' }, sync: { takeover: '3s' } });
  await eventually('an end of that', said(/"event":"settings-mended"/), one);
  await eventually(
    'what is taken and what is not',
    said(/settings read again \(file\): from now on guard\.hold; needs a restart: sync\.takeover/),
    one,
  );
  await eventually('the end of what is held', async () => (await keys()) === 2, one);
  await one.configure({ guard: { hold: '1s' }, log: { format: 'pretty' } });
  await eventually(
    'the log',
    said(/^\[[\d:.]+\] INFO: settings read again \(file\): from now on log\.format$/m),
    one,
  );
  one.process.child.kill('SIGHUP');
  await eventually('SIGHUP', said(/settings read again \(SIGHUP\): nothing is to be changed/), one);
});
