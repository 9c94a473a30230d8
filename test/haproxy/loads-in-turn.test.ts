import { readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { controlManaged } from '../../src/haproxy/control-managed.ts';
import type { AroundLoad } from '../../src/haproxy/control-settings.ts';
import { HandRecord } from '../../src/haproxy/hand-record.ts';
import { type ServerStateFile, serverStateFile } from '../../src/haproxy/server-state.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { cli, showProc, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

const never = new AbortController().signal;

interface Place {
  readonly folder: string;
  readonly text: string;
  readonly mark: string;
  readonly statsSocket: string;
  readonly configPath: string;
  readonly stateFile: string;
  readonly hands: HandRecord;
  readonly state: ServerStateFile;
  /** Name and administrative state of each server. */
  states(): Promise<string[]>;
}

/** A configuration of two servers that asks for the server-state file, and what carries over what a person set. */
async function placeIn(folder: string): Promise<Place> {
  const at = (name: string) => path.join(folder, name);
  const [statsSocket, configPath, stateFile] = [at('s.sock'), at('haproxy.cfg'), at('haproxy.cfg.servers')];
  const text = `global
  stats socket ${statsSocket} mode 600 level admin
  server-state-file ${stateFile}
defaults
  mode http
  load-server-state-from-file global
  timeout connect 1s
  timeout client 10s
  timeout server 10s
backend be
  server a 127.0.0.1:1
  server b 127.0.0.1:1
listen l
  bind unix@${at('l.sock')}
`;
  await writeFile(configPath, withMark(text));
  const onTrouble = (message: string) => expect.fail(message);
  const hands = new HandRecord({ file: createStateFile(folder, 'set-by-hand.json'), onTrouble });
  const access = { mode: 0o640 };
  const state = serverStateFile({ path: stateFile, statsSocket, configPath, access, hands, onTrouble });
  await state.open(never);
  const states = async () =>
    (await cli(statsSocket, 'show servers state be'))
      .split('\n')
      .map((row) => row.split(' '))
      .filter((columns) => columns[1] === 'be')
      .map((columns) => `${columns[3]} ${columns[6]}`);
  return { folder, text, mark: hashText(text), statsSocket, configPath, stateFile, hands, state, states };
}

function manage({ folder, configPath }: Place, binary: string, around: AroundLoad) {
  const masterSocket = path.join(folder, 'master.sock');
  const control = controlManaged({ binary, configPath, masterSocket, grace: 500, around });
  const dispose = control[Symbol.asyncDispose].bind(control);
  return Object.assign(control, {
    [Symbol.asyncDispose]: async () => {
      await control.stop?.();
      await dispose();
    },
  });
}

describe.each(haproxyVersions)('on HAProxy $name', ({ path: binary }) => {
  test('a reload of another text that is asked for while HAProxy is being started again hands over what a person set, as the start does', async () => {
    await using folder = await tempFolder();
    const place = await placeIn(folder.path);
    const { state, mark, text } = place;
    const other = `${text}# another\n`;
    const asked = Promise.withResolvers<void>();
    let loads = 0;
    await using control = manage(place, binary, (load, of) =>
      state.during(async () => {
        loads += 1;
        // The second one is the start after the end.
        if (loads !== 2) {
          return load();
        }
        await asked.promise;
        const started = await load();
        await writeFile(place.configPath, withMark(other));
        return started;
      }, of),
    );
    expect(await control.start?.(never)).toMatchObject({ kind: 'running', mark });
    await cli(place.statsSocket, 'set server be/a state drain');
    await state.fill(text, never);
    expect(await place.hands.load()).toHaveLength(1);
    process.kill((await showProc(path.join(folder.path, 'master.sock'))).master, 'SIGKILL');
    await waitFor(() => loads === 2);
    const reload = control.reload(hashText(other), never, text);
    asked.resolve();
    expect(await reload).toMatchObject({ kind: 'verified' });
    expect(loads).toBe(3);
    expect(await place.states()).toEqual(['a 8', 'b 0']);
    expect(await readFile(place.stateFile, 'utf8')).toBe('1\n');
  });

  test('what was set a moment ago, and not looked at yet, is handed over to a HAProxy that starts while the old worker answers', async () => {
    await using folder = await tempFolder();
    const place = await placeIn(folder.path);
    await using control = manage(place, binary, place.state.during);
    await control.start?.(never);
    await cli(place.statsSocket, 'set server be/b state maint');
    expect(await place.state.fill(null, never)).toBe(1);
    expect(await place.hands.load()).toMatchObject([{ server: 'b', admin: 'maint' }]);
  });
});

test('where a load is broken off, HAProxy may still read what is handed over: that is emptied when it is old', async () => {
  await using folder = await tempFolder();
  const place = await placeIn(folder.path);
  const { state, hands, stateFile } = place;
  const set = { backend: 'be', server: 'a', address: '127.0.0.1:1', admin: 'drain', weight: null } as const;
  await hands.saw([set], { pid: 1, startedAt: 1 });
  const end = new AbortController();
  const load = state.during(
    () =>
      new Promise((_, reject) => {
        end.signal.addEventListener('abort', () => reject(end.signal.reason));
        end.abort(new Error('of a test'));
      }),
    { running: null, signal: end.signal },
  );
  await expect(load).rejects.toThrow('of a test');
  const isThere = async () => (await readFile(stateFile, 'utf8')).includes(' be 0 a ');
  expect(await isThere()).toBe(true);

  // The next Pointsman: at once, and when it is nearly old.
  const next = () =>
    serverStateFile({ ...place, path: stateFile, access: { mode: 0o640 }, onTrouble: expect.fail });
  await next().open(never);
  expect(await isThere()).toBe(true);
  const nearly = Date.now() / 1000 - 9.7;
  await utimes(stateFile, nearly, nearly);
  await next().open(never);
  await waitFor(async () => !(await isThere()));

  await writeFile(stateFile, '1\n0 be 0 a\n');
  await utimes(stateFile, nearly - 10, nearly - 10);
  await next().open(never);
  expect(await readFile(stateFile, 'utf8')).toBe('1\n');
});
