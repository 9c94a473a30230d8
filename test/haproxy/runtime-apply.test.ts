import { describe, expect, test } from 'vitest';
import { createRuntimeApplier } from '../../src/haproxy/runtime-apply.ts';
import { hashText } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeRuntimeSite, never } from './runtime-fixture.ts';

describe.each(haproxyVersions)('on HAProxy $name', (binary) => {
  test('a new server takes traffic at once, with its check running, and the mark says so', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address} check`]);
    const next = [`server a ${a.address} check`, `server b ${b.address} check weight 100`];
    const pid = await site.worker();
    expect(await site.change(next)).toEqual({ kind: 'applied', pid, commands: 1, lingering: 0 });
    expect(await site.mark()).toBe(hashText(site.text(...next)));
    expect(await site.worker()).toBe(pid);
    const answers = await Promise.all(Array.from({ length: 10 }, () => request(site.url)));
    expect(answers.filter(({ body }) => body === 'b').length).toBeGreaterThanOrEqual(8);
    await b[Symbol.asyncDispose]();
    await waitFor(async () => (await site.servers()).some((row) => /^b .* state 0$/.test(row)));
  });

  test('with newServers checked, a new server gets nothing before its first good check', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address} check`]);
    const line = `server b ${b.address} check inter 600ms`;
    expect(await site.change([`server a ${a.address} check`, line], { newServers: 'checked' })).toMatchObject(
      {
        kind: 'applied',
      },
    );
    expect((await site.servers())[1]).toBe(`b ${b.address} weight 1 admin 0 state 0`);
    expect((await request(site.url)).body).toBe('a');
    await waitFor(async () => (await site.servers())[1]?.endsWith('state 2'));
  });

  test('addresses, weights and maintenance change in place, all in one batch', async () => {
    await using site = await makeRuntimeSite(binary, [
      'server a 127.0.0.1:1001',
      'server b 127.0.0.1:1002 weight 5',
      'server c 127.0.0.1:1003',
      'server d 127.0.0.1:1004 disabled',
      'server e [2001:db8::1]:1005',
      'server f 127.0.0.1:1006',
    ]);
    const outcome = await site.change([
      'server a 127.0.0.2:1001',
      'server b 127.0.0.1:1012 weight 0',
      'server c 127.0.0.1:1003 disabled',
      'server d 127.0.0.1:1004',
      'server e [2001:DB8:0::2]:1005',
      'server g [::1]:1007 weight 256',
    ]);
    expect(outcome).toEqual({ kind: 'applied', pid: expect.any(Number), commands: 8, lingering: 0 });
    expect(await site.servers()).toEqual([
      'a 127.0.0.2:1001 weight 1 admin 0 state 2',
      'b 127.0.0.1:1012 weight 0 admin 0 state 2',
      'c 127.0.0.1:1003 weight 1 admin 1 state 0',
      'd 127.0.0.1:1004 weight 1 admin 4 state 2',
      'e 2001:db8::2:1005 weight 1 admin 0 state 2',
      'g ::1:1007 weight 256 admin 0 state 2',
    ]);
  });

  test('a thousand new servers are one batch; one more is none', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    const add = (n: number) => ({
      kind: 'add' as const,
      backend: 'be',
      server: `s${n}`,
      address: `127.0.1.${n % 250}:${2000 + n}`,
      keywords: ['check', 'inter', '60s'],
      checked: true,
      disabled: false,
    });
    const mark = hashText(site.text('server a 127.0.0.1:1001'));
    const batch = {
      expected: { pid: await site.worker(), mark },
      mark: 'm2',
      newServers: 'up',
      drain: 0,
    } as const;
    const commands = Array.from({ length: 1001 }, (_, n) => add(n));
    expect(await site.applier.apply({ ...batch, commands }, never)).toEqual({
      kind: 'surprise',
      reason: '1001 commands in one pass are more than 1000',
    });
    expect(await site.applier.apply({ ...batch, commands: commands.slice(1) }, never)).toMatchObject({
      kind: 'applied',
      commands: 1000,
    });
    expect(await site.mark()).toBe('m2');
  });

  test("an answer that is not the expected one is a surprise with HAProxy's words, and the mark is no text's", async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    await site.cli('add server be/b 127.0.0.1:1009');
    const outcome = await site.change(['server a 127.0.0.1:1001', 'server b 127.0.0.1:1002']);
    expect(outcome).toEqual({
      kind: 'surprise',
      reason: expect.stringMatching(
        /^"add server be\/b 127\.0\.0\.1:1002.*" was answered with "Already exists a server with the same name in backend\."$/,
      ),
    });
    expect(await site.mark()).toBe('changing');
    const command = { kind: 'weight', backend: 'be', server: 'zz', weight: 2 } as const;
    const mark = (await site.mark()) ?? '';
    const batch = {
      expected: { pid: await site.worker(), mark },
      mark: 'x',
      newServers: 'up',
      drain: 0,
    } as const;
    expect(await site.applier.apply({ ...batch, commands: [command] }, never)).toEqual({
      kind: 'surprise',
      reason: '"set server be/zz weight 2" was answered with "No such server."',
    });
  });

  test('what cannot be sent as one line is not sent at all', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    const mark = (await site.mark()) ?? '';
    const batch = {
      expected: { pid: await site.worker(), mark },
      mark: 'x',
      newServers: 'up',
      drain: 0,
    } as const;
    for (const server of ['a;shutdown', 'a\nb', 'x'.repeat(9000)]) {
      const command = { kind: 'weight', backend: 'be', server, weight: 2 } as const;
      expect(await site.applier.apply({ ...batch, commands: [command] }, never)).toMatchObject({
        kind: 'surprise',
        reason: expect.stringContaining('this cannot be sent: set server be/'),
      });
    }
  });

  test('a worker that runs another text is left alone', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    const expected = { pid: await site.worker(), mark: '0123456789abcdef' };
    const running = await site.mark();
    expect(await site.change(['server a 127.0.0.1:1002'], { expected })).toEqual({
      kind: 'surprise',
      reason: `it runs the text ${running}, not 0123456789abcdef`,
    });
    expect(await site.servers()).toEqual(['a 127.0.0.1:1001 weight 1 admin 0 state 2']);
  });

  test('a HAProxy that is away is told as that; an abort ends the wait', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    const expected = { pid: await site.worker(), mark: (await site.mark()) ?? '' };
    const commands = [{ kind: 'weight', backend: 'be', server: 'a', weight: 2 }] as const;
    const batch = { commands, expected, mark: 'x', newServers: 'up', drain: 0 } as const;
    const stopped = site.applier.apply(batch, AbortSignal.abort(new Error('enough')));
    await expect(stopped).rejects.toThrow('enough');
    await site.haproxy[Symbol.asyncDispose]();
    expect(await site.applier.apply(batch, never)).toEqual({
      kind: 'away',
      cause: expect.stringContaining(`asking the stats socket ${site.statsSocket}`),
    });
  });

  test('a look at all servers tells each difference', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001', 'server b 127.0.0.1:1002']);
    const pid = await site.worker();
    const a = { host: '127.0.0.1', port: 1001, weight: 1, admin: 'ready' } as const;
    const be = new Map([
      ['a', a],
      ['b', { ...a, port: 1002 }],
    ]);
    expect(await site.applier.readBackAll({ pid, servers: new Map([['be', be]]) }, never)).toEqual({
      kind: 'same',
      servers: 2,
    });
    await site.cli('set server be/a state maint; set server be/b weight 7; add server be/c 127.0.0.1:1003');
    be.set('d', a);
    expect(await site.applier.readBackAll({ pid, servers: new Map([['be', be]]) }, never)).toEqual({
      kind: 'differs',
      differences: [
        'server be/a is in maintenance, not in service',
        'server be/b has the weight 7, not 1',
        'server be/d is not there',
        'server be/c is there, and should not be',
      ],
    });
    expect(await site.applier.readBackAll({ pid: 1, servers: new Map() }, never)).toEqual({
      kind: 'moved',
      pid,
    });
  });

  test('it can be used where the stats socket is at level admin; else it says why not', async () => {
    await using site = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001']);
    expect(await site.applier.usable(never)).toEqual({
      kind: 'yes',
      version: expect.stringContaining(`${binary.name}.`),
      otherFiles: NO_OTHER_FILES,
    });
    await using low = await makeRuntimeSite(binary, ['server a 127.0.0.1:1001'], { level: 'operator' });
    expect(await low.applier.usable(never)).toEqual({
      kind: 'no',
      reason: `the Runtime API is not used, every change is a reload: the stats socket ${low.statsSocket} is not at level admin; write "stats socket ${low.statsSocket} level admin" in the template`,
    });
    await using nowhere = await createRuntimeApplier({
      statsSocket: `${site.folder}/none`,
      journal: createStateFile(site.folder, 'server-journal.json'),
      configPath: site.configPath,
    });
    expect(await nowhere.usable(never)).toMatchObject({
      kind: 'no',
      reason: expect.stringContaining('there is no such socket'),
    });
    await using none = await createRuntimeApplier({
      statsSocket: '',
      journal: createStateFile(site.folder, 'server-journal.json'),
      configPath: site.configPath,
    });
    expect(await none.usable(never)).toEqual({
      kind: 'no',
      reason: 'the Runtime API is not used, every change is a reload: haproxy.statsSocket is empty',
    });
  });

  test('servers come and go under load without a failed request', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address} check`]);
    {
      await using load = startLoad(site.url);
      for (let round = 0; round < 5; round++) {
        const more = load.ok() + 20;
        expect(
          await site.change([`server a ${a.address} check`, `server b ${b.address} check`]),
        ).toMatchObject({ kind: 'applied' });
        await waitFor(() => load.ok() > more);
        expect(await site.change([`server a ${a.address} check`])).toMatchObject({ kind: 'applied' });
        await waitFor(() => load.ok() > more + 20);
      }
      expect(load.failures()).toEqual([]);
      expect(load.bodies().get('b')).toBeGreaterThan(0);
    }
    await waitFor(() => site.applier.lingering.length === 0);
    expect((await site.servers()).length).toBe(1);
  });
});
