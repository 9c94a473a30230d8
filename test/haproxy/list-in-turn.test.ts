import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { controlByMasterSocket } from '../../src/haproxy/control-master-socket.ts';
import { HandRecord } from '../../src/haproxy/hand-record.ts';
import { createRuntimeApplier } from '../../src/haproxy/runtime-apply.ts';
import { serverStateFile } from '../../src/haproxy/server-state.ts';
import { Serial } from '../../src/ports/serial.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { tempFolder } from '../support/haproxy.ts';

const never = new AbortController().signal;

test('servers are listed only while none of ours is being deleted: each list has its turn', async () => {
  await using folder = await tempFolder();
  const [statsSocket, configPath] = [path.join(folder.path, 's.sock'), path.join(folder.path, 'haproxy.cfg')];
  await writeFile(configPath, `global\n  server-state-file ${configPath}.servers\n`);
  let asked = 0;
  // Nobody who answers: that a list was asked for is all that counts.
  const socket = createServer((connection) => {
    asked += 1;
    connection.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => socket.listen(statsSocket, resolve));
  const servers = new Serial();
  const control = controlByMasterSocket({ masterSocket: statsSocket, configPath: folder.path });
  const options = { statsSocket, configPath, servers };
  const file = serverStateFile({
    ...options,
    path: `${configPath}.servers`,
    access: { mode: 0o640 },
    hands: new HandRecord({
      file: createStateFile(folder.path, 'set-by-hand.json'),
      onTrouble: (message) => expect.fail(message),
    }),
    onTrouble: (message) => expect.fail(message),
  });
  await using applier = await createRuntimeApplier({
    ...options,
    journal: createStateFile(folder.path, 'server-journal.json'),
  });
  for (const list of [
    () => file.fill(null, never),
    () => applier.readBackAll({ pid: 1, servers: new Map() }, never),
  ]) {
    const before = asked;
    const deleting = Promise.withResolvers<void>();
    void servers.run(() => deleting.promise);
    const listed = list();
    await control.state(never);
    expect(asked).toBe(before + 1);
    deleting.resolve();
    await listed;
    expect(asked).toBeGreaterThan(before + 1);
  }
  socket.close();
});
