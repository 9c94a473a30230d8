import { once } from 'node:events';
import { createServer } from 'node:net';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { bounded } from '../../src/commands/bounded.ts';
import { EXIT, type Io } from '../../src/commands/io.ts';
import { addCommands } from '../../src/commands/program.ts';
import { startEtcd } from '../support/etcd.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { makeSite } from '../support/pointsman.ts';

const program = new Command('pointsman');
addCommands(program, { out: () => {}, err: () => {} } as unknown as Io, () => {});
/** They run until they are told to end, or talk to nobody. */
const UNBOUNDED = ['run', 'sync', 'units', 'migrate', 'pretty', 'completion', 'version'];
const verbs = program.commands.map((command) => command.name()).filter((verb) => !UNBOUNDED.includes(verb));
const IO = { signal: new AbortController().signal } as Io;

/** Takes every connection and says nothing. */
async function silence() {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { port, [Symbol.asyncDispose]: async () => void server.close() };
}

test.each(verbs)('%s is bounded: --timeout is its own', async (verb) => {
  await using site = await makeSite();
  const needed: Record<string, readonly string[]> = {
    pause: ['--for', '1m'],
    route: ['http://web/'],
    rollback: ['1'],
  };
  const more = needed[verb] ?? [];
  const { code, stderr } = await site.run(verb, ...more, '--timeout', 'soon');
  expect([code, stderr]).toEqual([
    EXIT.usage,
    'pointsman: reading --timeout soon: expected a duration over 0\n  For example --timeout 2m.\n',
  ]);
});

test.each([['services'], ['dump'], ['check'], ['render'], ['render', '--dry-run']])(
  '%s %s ends at its limit, and says what it was waiting for, while its connections are open',
  async (verb, ...more) => {
    await using etcd = await silence();
    const endpoint = `http://127.0.0.1:${etcd.port}`;
    await using site = await makeSite({ sources: [{ etcd: { endpoints: [endpoint] } }] });
    const { code, stderr } = await site.run(verb ?? '', ...more, '--timeout', '900ms');
    expect([code, stderr]).toEqual([
      EXIT.failed,
      `pointsman: ${verb}: not done in 900ms: it was waiting for the sources (etcd ${endpoint})\n  --timeout gives it longer.\n`,
    ]);
  },
);

test('release is not longer than its limit either: what it asked for stays asked', async () => {
  await using site = await makeSite();
  const ends: string[] = [];
  const release = async (name: string, ...flags: string[]) => {
    const result = await site.run('release', ...flags);
    ends.push(name);
    return result;
  };
  const [{ code, stdout }] = await Promise.all([
    release('with a limit', '--timeout', '300ms'),
    // Its own patience is 3 s.
    release('without'),
  ]);
  expect([code, stdout]).toEqual([EXIT.fine, expect.stringContaining('asked: no daemon has taken it yet')]);
  expect(ends).toEqual(['with a limit', 'without']);
});

test('keys that never end on standard input are waited for no longer', async () => {
  await using site = await makeSite();
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const { execa } = await import('execa');
  const args = [main, 'dump', '--from', '-', '--timeout', '900ms', '--config', site.settingsFile];
  const child = execa(process.execPath, args, { stdin: 'pipe', reject: false });
  child.stdin?.write('a: 1\n');
  const { exitCode, stderr } = await child;
  expect([exitCode, stderr]).toEqual([
    EXIT.failed,
    expect.stringContaining('waiting for the keys on standard input'),
  ]);
});

test.each(['refuses', 'is silent'] as const)(
  'check ends where the HTTP proxy of the environment %s',
  async (manner) => {
    await using etcd = await startEtcd();
    await using proxy = await startHttpProxy(manner);
    const sources = [{ etcd: { endpoints: [etcd.endpoint], proxy: 'environment' } }];
    await using site = await makeSite({ sources });
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const { execa } = await import('execa');
    const args = [main, 'check', '--config', site.settingsFile];
    const { exitCode, stdout } = await execa(process.execPath, args, {
      env: { http_proxy: proxy.url },
      reject: false,
      timeout: 40_000,
    });
    expect(stdout).toContain('the HTTP proxy');
    expect(exitCode).toBe(EXIT.failed);
  },
);

describe('bounded()', () => {
  const options = { verb: 'dump', timeout: 20 };

  test('gives what was done in time', async () => {
    expect(await bounded(IO, { ...options, timeout: 10_000 }, async () => EXIT.difference)).toBe(
      EXIT.difference,
    );
    const failing = bounded(IO, { ...options, timeout: 10_000 }, async () => Promise.reject(new Error('so')));
    await expect(failing).rejects.toThrow('so');
  });

  test('ends what never ends, and what does not hear', async () => {
    const deaf = bounded(IO, options, (io) => {
      io.waitsFor('Godot');
      return new Promise(() => {});
    });
    await expect(deaf).rejects.toThrow('dump: not done in 20ms: it was waiting for Godot');
  });

  test('lets what hears clean up, and what was done at the last moment be done', async () => {
    const told: string[] = [];
    const hearing = bounded(IO, options, async (io) => {
      await once(io.signal, 'abort');
      told.push('cleaned');
      throw io.signal.reason;
    });
    await expect(hearing).rejects.toThrow('it was waiting for its settings');
    expect(told).toEqual(['cleaned']);
    const late = bounded(IO, options, async (io) => {
      await once(io.signal, 'abort');
      return EXIT.fine;
    });
    expect(await late).toBe(EXIT.fine);
  });
});
