import { connect, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRuntimeApplier } from '../../src/haproxy/runtime-apply.ts';
import { hashText } from '../../src/plan/mark.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { isAlive, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeRuntimeSite, never, type RuntimeSite } from './runtime-fixture.ts';

const A = 'server a 127.0.0.1:1001';
const B = 'server b 127.0.0.1:1002';

describe.each(haproxyVersions)('on HAProxy $name', (binary) => {
  test('a stranger who reloaded before the batch: nothing is sent to the new worker', async () => {
    await using site = await makeRuntimeSite(binary, [A]);
    const pid = await site.worker();
    const expected = { pid, mark: (await site.mark()) ?? '' };
    await site.strangerReloads();
    expect(await site.change([A, B], { expected })).toEqual({
      kind: 'surprise',
      reason: `HAProxy was reloaded by somebody else: the worker ${await site.worker()} answers, not ${pid}`,
    });
    expect((await site.servers()).length).toBe(1);
    await waitFor(async () => !(await isAlive(pid)));
  });

  test.each([
    { what: 'a new server', next: [A, B], sent: /^add server /m, answer: 'New server registered.' },
    {
      what: 'an address',
      next: ['server a 127.0.0.1:1009'],
      sent: /^set server /m,
      answer: 'Proxy is disabled.',
    },
  ])(
    'a stranger who reloads in the middle, $what: whatever the old worker says, it is not believed or kept',
    async (given) => {
      await using site = await makeRuntimeSite(binary, [A]);
      const pid = await site.worker();
      const mark = await site.mark();
      await using between = await standBetween(site, given.sent, () => site.strangerReloads());
      expect(await site.change(given.next)).toEqual({
        kind: 'surprise',
        reason: `HAProxy was reloaded by somebody else: the worker ${await site.worker()} answers, not ${pid}`,
      });
      expect(between.said()).toContain(given.answer);
      expect(await site.mark()).toBe(mark);
      expect(await site.servers()).toEqual(['a 127.0.0.1:1001 weight 1 admin 0 state 2']);
      await waitFor(async () => !(await isAlive(pid)), { timeout: 3000 });
    },
  );

  test('a stranger who reloads between the read-back and the mark: the new worker keeps the mark of its file', async () => {
    await using site = await makeRuntimeSite(binary, [A]);
    const pid = await site.worker();
    const mark = await site.mark();
    await using _between = await standBetween(site, /pointsman_mark expr str\((?!changing)/, () =>
      site.strangerReloads(),
    );
    const outcome = await site.change([A, B]);
    // It was applied to a worker that is gone now; who looks at the mark sees it.
    expect(outcome).toMatchObject({ kind: 'applied', pid });
    expect(await site.worker()).not.toBe(pid);
    expect(await site.mark()).toBe(mark);
    await waitFor(async () => !(await isAlive(pid)), { timeout: 3000 });
  });

  test('a stranger who reloads after the batch: the mark says that the file is not what was applied', async () => {
    await using site = await makeRuntimeSite(binary, [A]);
    const pid = await site.worker();
    const old = site.text(A);
    expect(await site.change([A, B])).toMatchObject({ kind: 'applied' });
    expect(await site.mark()).toBe(hashText(site.text(A, B)));
    await site.strangerReloads(old);
    expect(await site.mark()).toBe(hashText(old));
    await waitFor(async () => !(await isAlive(pid)), { timeout: 3000 });
  });

  test('a HAProxy that ends in the middle of a batch is a surprise, not a success', async () => {
    await using site = await makeRuntimeSite(binary, [A]);
    const worker = await site.worker();
    await using _between = await standBetween(site, /^add server /m, async () => {
      site.haproxy.child.kill('SIGKILL');
      process.kill(worker, 'SIGKILL');
    });
    expect(await site.change([A, B])).toMatchObject({
      kind: 'surprise',
      reason: expect.stringContaining('the connection was lost on the way'),
    });
  });
});

/** Puts a socket of ours before HAProxy's; when `what` passes for the first time, `does` happens first. */
async function standBetween(site: RuntimeSite, what: RegExp, does: () => Promise<void>) {
  const front = path.join(site.folder, 'front.sock');
  let said = '';
  let done = false;
  const server = createServer((client) => {
    const upstream = connect(site.statsSocket);
    let order: Promise<void> = Promise.resolve();
    client.on('data', (data) => {
      order = order.then(async () => {
        if (!done && what.test(String(data))) {
          done = true;
          await does();
        }
        upstream.write(data);
      });
    });
    upstream.on('data', (data) => {
      said += data;
      client.write(data);
    });
    client.on('close', () => upstream.destroy()).on('error', () => undefined);
    upstream.on('close', () => client.destroy()).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(front, resolve));
  await site.applier[Symbol.asyncDispose]();
  site.applier = await createRuntimeApplier({
    statsSocket: front,
    journal: createStateFile(site.folder, 'server-journal.json'),
    configPath: site.configPath,
  });
  await site.applier.usable(never);
  return {
    said: () => said,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
