import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createControl } from '../../src/haproxy/control.ts';
import { freePort, showProc, startHaproxy, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

test.each(haproxyVersions)(
  'HAProxy $name is not told to reload while its file is gone, which 3.2 and newer would end over',
  async ({ path: binary }) => {
    await using folder = await tempFolder();
    const configPath = path.join(folder.path, 'haproxy.cfg');
    const text = `defaults\n  timeout client 1s\nfrontend f\n  bind 127.0.0.1:${await freePort()}\n`;
    await writeFile(configPath, text);
    const pidFile = path.join(folder.path, 'pid');
    await using haproxy = await startHaproxy({ binary, configPath, pidFile });
    const { masterSocket } = haproxy;
    const before = await showProc(masterSocket);
    await rm(configPath);
    for (const mode of ['master-socket', 'signal'] as const) {
      await using control = createControl({
        mode,
        binary,
        configPath,
        masterSocket,
        pidFile,
        statsSocket: '',
      });
      expect(await control.reload('0123456789abcdef', AbortSignal.timeout(10_000))).toEqual({
        kind: 'failed',
        message: `loading ${configPath}: somebody took it away`,
      });
    }
    expect(await showProc(masterSocket)).toEqual(before);
  },
);
