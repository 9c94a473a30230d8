import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AnnounceContainersOptions,
  ContainerAnnouncer,
  type ContainerNews,
} from '../../../src/announce/docker/announce-containers.ts';
import { DockerEngine } from '../../../src/announce/docker/engine.ts';
import { allThatAsk, theOneNamed } from '../../../src/announce/docker/which-containers.ts';
import type { Registration } from '../../../src/announce/registration.ts';
import { startDocker, type TestDocker } from '../../support/docker.ts';
import { request, waitFor as soon } from '../../support/haproxy.ts';

/** An engine takes its time where the machine is busy. */
const waitFor: typeof soon = (condition, options) => soon(condition, { timeout: 30_000, ...options });

let docker: TestDocker;
beforeAll(async () => {
  docker = await startDocker({ liveRestore: true });
});
afterAll(() => docker?.[Symbol.asyncDispose]());

const WEB = { 'pointsman.service': 'web' };

interface Running extends AsyncDisposable {
  /** Every set that was wanted, each registration as `service/instance host:port[ drain]`. */
  readonly wanted: string[][];
  /** The last of them. */
  last(): string[];
  readonly news: ContainerNews[];
  readonly announcer: ContainerAnnouncer;
  readonly registrations: () => readonly Registration[];
}

/** Announces what the engine runs to a list. */
function announce(options: Partial<AnnounceContainersOptions> = {}): Running {
  const wanted: string[][] = [];
  const news: ContainerNews[] = [];
  let registrations: readonly Registration[] = [];
  const engine = new DockerEngine({ kind: 'socket', path: docker.socket });
  const announcer = new ContainerAnnouncer({
    engine,
    ...allThatAsk(false),
    host: { address: { host: '127.0.0.1', family: 'ipv4' }, name: 'host', machine: 'm1' },
    drain: 300,
    want: (all) => {
      registrations = all;
      wanted.push(all.map(written).sort());
    },
    tell: (one) => news.push(one),
    ...options,
  });
  const end = new AbortController();
  const running = announcer.run(end.signal);
  return {
    wanted,
    last: () => wanted.at(-1) ?? ['nothing yet'],
    news,
    announcer,
    registrations: () => registrations,
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
      engine[Symbol.dispose]();
    },
  };
}

function written({ service, instance, address, port, drain }: Registration): string {
  return `${service}/${instance} ${address}:${port}${drain ? ' drain' : ''}`;
}

/** Runs a container that is removed at the end. */
async function run(
  ...args: Parameters<TestDocker['run']>
): Promise<{ readonly id: string } & AsyncDisposable> {
  const id = await docker.run(...args);
  return { id, [Symbol.asyncDispose]: () => docker.remove(id).catch(() => undefined) };
}

test('what runs before and after the start is announced at its published port, and what dies is not any more', async () => {
  await using _one = await run({ name: 'one', labels: WEB });
  await using _other = await run({ name: 'unlabelled' });
  await using all = announce();
  const one = `web/host:one:8080 127.0.0.1:${await docker.port('one')}`;
  await waitFor(() => all.last().join() === one);
  await using _two = await run({ name: 'two', labels: WEB });
  const two = `web/host:two:8080 127.0.0.1:${await docker.port('two')}`;
  await waitFor(() => all.last().join() === [one, two].join());
  expect((await request(`http://127.0.0.1:${await docker.port('two')}/`)).status).toBe(200);
  await docker.kill('one');
  await waitFor(() => all.last().join() === two);
  expect(all.wanted.flat().filter((text) => text.endsWith('drain'))).toEqual([]);
  expect(all.registrations()[0]?.meta).toMatchObject({
    version: 'git-1a2b3c4',
    host: 'host',
    owner: 'm1/two',
  });
});

test('docker stop drains: the registration says so with the signal, goes after the drain, and a restart brings the new port', async () => {
  await using _web = await run({ name: 'web', labels: WEB, env: { LINGER: '1' } });
  await using all = announce();
  const before = `web/host:web:8080 127.0.0.1:${await docker.port('web')}`;
  await waitFor(() => all.last().join() === before);
  await docker.restart('web', 10);
  const after = `web/host:web:8080 127.0.0.1:${await docker.port('web')}`;
  await waitFor(() => all.last().join() === after);
  expect(all.wanted).toEqual([[before], [`${before} drain`], [], [after]]);
});

test('a signal that does not stop a container changes nothing; paused is out, unpaused is in', async () => {
  await using _web = await run({ name: 'web', labels: WEB, stopSignal: 'SIGUSR1' });
  await using all = announce();
  await waitFor(() => all.last().length === 1 && all.wanted.length === 1);
  await docker.kill('web', 'HUP');
  await docker.pause('web');
  await waitFor(() => all.last().length === 0);
  await docker.unpause('web');
  await waitFor(() => all.last().length === 1);
  expect(all.wanted).toHaveLength(3);
  await docker.kill('web', 'USR1');
  await waitFor(() => all.last()[0]?.endsWith(' drain'));
});

test('a container with a health check is in as long as the engine finds it healthy', async () => {
  await using _web = await run({ name: 'web', labels: WEB, healthCommand: 'test -e /tmp/well' });
  await using _plain = await run({ name: 'plain', labels: WEB });
  await using all = announce();
  await waitFor(() => all.last().length === 1);
  await docker.exec('web', 'touch', '/tmp/well');
  await waitFor(() => all.last().length === 2);
  await docker.exec('web', 'rm', '/tmp/well');
  await waitFor(() => all.last().length === 1);
  expect(all.last()[0]).toContain('host:plain:');
});

test('an engine that restarts under its containers changes nothing, with a health check too, and is followed on', async () => {
  await using _web = await run({ name: 'web', labels: WEB, healthCommand: 'true' });
  await using _other = await run({ name: 'other', labels: WEB });
  await using all = announce();
  await waitFor(() => all.last().length === 2);
  const before = all.wanted.length;
  await docker.end();
  await waitFor(() => all.news.some(({ kind }) => kind === 'engine-away'));
  await docker.again();
  await waitFor(() => all.news.filter(({ kind }) => kind === 'engine-here').length === 2);
  await docker.kill('other');
  await waitFor(() => all.last().length === 1);
  expect(all.last()[0]).toContain('host:web:');
  expect(all.wanted.slice(before)).toHaveLength(1);
});

test('one container is followed by its name, whoever has it', async () => {
  await using _old = await run({ name: 'web', env: { LINGER: '0' } });
  await using _other = await run({ name: 'other', labels: WEB });
  await using all = announce(theOneNamed('web', { service: 'api', port: 8080 }));
  const old = `api/host:web:8080 127.0.0.1:${await docker.port('web')}`;
  await waitFor(() => all.last().join() === old);
  await docker.rename('web', 'web-old');
  await waitFor(() => all.last().length === 0);
  await using _new = await run({ name: 'web' });
  const now = `api/host:web:8080 127.0.0.1:${await docker.port('web')}`;
  await waitFor(() => all.last().join() === now);
  expect(now).not.toBe(old);
});
