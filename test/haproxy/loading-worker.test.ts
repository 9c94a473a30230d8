import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { controlByMasterSocket } from '../../src/haproxy/control-master-socket.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { cli, freePort, startHaproxy, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const never = new AbortController().signal;

/** Before 3.1 the master takes no connections while a worker loads. */
const answering = haproxyVersions.filter(({ name }) => name !== '2.6' && name !== '3.0');

test.each(answering)(
  "while somebody else's reload loads, HAProxy $name is the worker that serves, and our reload waits for its turn",
  async ({ path: binary }) => {
    await using folder = await tempFolder();
    const configPath = path.join(folder.path, 'haproxy.cfg');
    const masterSocket = path.join(folder.path, 'master.sock');
    // So many servers that a load takes a moment.
    const servers = Array.from({ length: 2000 }, (_, at) => `  server s${at} 127.0.0.1:${1000 + at}\n`);
    const port = await freePort();
    const write = async (answer: string) => {
      const text = `${simpleConfig({ port, answer })}backend many\n${servers.join('')}`;
      await writeFile(configPath, withMark(text));
      return hashText(text);
    };
    const marks = [await write('first')];
    const control = controlByMasterSocket({ masterSocket, configPath });
    await using _haproxy = await startHaproxy({ binary, configPath, masterSocket });
    const first = await control.state(never);

    marks.push(await write('second'));
    const seen = [first];
    for (let turn = 0; turn < 5; turn += 1) {
      // Where another reload follows at once, it may never be answered.
      void cli(masterSocket, 'reload').catch(() => undefined);
      let over = false;
      const ours = control.reload(marks[1] ?? '', never).finally(() => {
        over = true;
      });
      while (!over) {
        seen.push(await control.state(never));
      }
      expect(await ours).toMatchObject({ kind: 'verified' });
      seen.push(await control.state(never));
    }

    const running = seen.filter((state) => state.kind === 'running');
    for (const state of running) {
      expect(marks).toContain(state.mark);
      expect(state.mark === marks[0]).toBe(first.kind === 'running' && state.pid === first.pid);
    }
    expect(seen.at(-1)).toMatchObject({ kind: 'running', mark: marks[1] });
  },
);
