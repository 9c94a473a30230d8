import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import type { Io } from '../../src/commands/io.ts';
import { addCommands } from '../../src/commands/program.ts';
import { startEtcd } from '../support/etcd.ts';
import { freePort, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { runToEnd } from '../support/pointsman.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const program = new Command('pointsman');
addCommands(program, { out: () => {}, err: () => {} } as unknown as Io, () => {});
const verbs = program.commands.map((command) => command.name());

const help = async (...verb: string[]) => (await runToEnd(['src/main.ts', ...verb, '--help'], ROOT)).stdout;
const exampleOf = (text: string) => /Example:\n\s+pointsman (.+)/.exec(text)?.[1]?.split(' ') ?? [];

describe('--help', () => {
  test('names every command, and those alone', async () => {
    const commands = /Commands:\n([\s\S]*?)\n\n/.exec(await help())?.[1] ?? '';
    const listed = [...commands.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...verbs, 'help'].sort());
  });

  test.each(
    verbs.filter((verb) => !['run', 'announce', 'sync', 'pretty', 'status', 'rollback'].includes(verb)),
  )('of %s has an example that works', async (verb) => {
    const example = exampleOf(await help(verb));
    expect(example[0]).toBe(verb);
    const { code, stdout, stderr } = await runToEnd(['src/main.ts', ...example], ROOT);
    expect(`${stdout}${stderr}`).not.toBe('');
    expect(code, stderr).toBe(0);
  });

  test('of announce has an example that works', async () => {
    const example = exampleOf(await help('announce'));
    expect(example[0]).toBe('announce');
    await using etcd = await startEtcd();
    await using state = await tempFolder();
    const args = example.map((word) => word.replace('http://127.0.0.1:2379', etcd.endpoint));
    const own = ['--set', `stateDir=${state.path}`, '--drain', '0s'];
    await using announce = await startProcess(process.execPath, ['src/main.ts', ...args, ...own], {
      cwd: ROOT,
    });
    const keys = () => etcd.client.getAll().prefix('/services/web/').keys();
    await waitFor(async () => (await keys()).length === 1, { what: 'the key', timeout: 20_000 }).catch(
      (error) => {
        throw new Error(`${error}\n${announce.output()}`);
      },
    );
    announce.child.kill('SIGTERM');
    expect(await announce.ended).toBe(0);
  });

  test('of sync has an example that works', async () => {
    const example = exampleOf(await help('sync'));
    expect(example[0]).toBe('sync');
    await using etcd = await startEtcd();
    await using folder = await tempFolder();
    const settings = path.join(folder.path, 'sync.yaml');
    const sources = [{ etcd: { endpoints: [etcd.endpoint] } }, { file: { path: './stores.yaml' } }];
    await writeFile(settings, JSON.stringify({ sources, stateDir: './state' }));
    await writeFile(path.join(folder.path, 'stores.yaml'), 'services: { db: { a: "10.0.0.1:5432" } }');
    const args = example.map((word) => word.replace('/etc/pointsman/sync.yaml', settings));
    await using sync = await startProcess(process.execPath, ['src/main.ts', ...args], { cwd: ROOT });
    const keys = () => etcd.client.getAll().prefix('/services/db/').keys();
    await waitFor(async () => (await keys()).length === 1, { what: 'the key', timeout: 20_000 }).catch(
      (error) => {
        throw new Error(`${error}\n${sync.output()}`);
      },
    );
    sync.child.kill('SIGTERM');
    expect(await sync.ended).toBe(0);
  });

  test('of run has an example that works', async () => {
    const example = exampleOf(await help('run'));
    expect(example[0]).toBe('run');
    const [http, status] = [await freePort(), await freePort()];
    const ports = ['--set', `vars.bind=127.0.0.1:${http}`, '--set', `status.listen=127.0.0.1:${status}`];
    await using daemon = await startProcess(process.execPath, ['src/main.ts', ...example, ...ports], {
      cwd: ROOT,
    });
    await waitFor(async () => (await fetch(`http://127.0.0.1:${status}/readyz`).catch(() => null))?.ok, {
      what: '/readyz',
      timeout: 20_000,
    }).catch((error) => {
      throw new Error(`${error}\n${daemon.output()}`);
    });
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });
});
