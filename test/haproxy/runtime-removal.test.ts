import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createRuntimeApplier } from '../../src/haproxy/runtime-apply.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { freePort, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeRuntimeSite } from './runtime-fixture.ts';

describe.each(haproxyVersions)('on HAProxy $name', (binary) => {
  test('a removed server ends what it has begun, lingers for as long, and is gone then', async () => {
    await using a = await startBackend('a');
    await using slow = await startSlow();
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server s ${slow.address}`]);
    const { whole } = await slow.begin(site.url);
    expect(await site.change([`server a ${a.address}`])).toMatchObject({ kind: 'applied', lingering: 1 });
    expect(site.applier.lingering).toMatchObject([
      { backend: 'be', server: 's', address: slow.address, phase: 'leaving' },
    ]);
    for (let n = 0; n < 4; n++) {
      expect((await request(site.url)).body).toBe('a');
    }
    expect(site.notes).toEqual([]);
    slow.finish();
    expect(await whole).toBe('begun and done');
    await waitFor(() => site.notes.length > 0);
    expect(site.notes).toMatchObject([{ kind: 'server-gone', backend: 'be', server: 's' }]);
    expect(site.applier.lingering).toEqual([]);
    expect((await site.servers()).length).toBe(1);
  });

  test('while it is held (a pause) a server that lingers is left alone, and goes when that is over', async () => {
    await using a = await startBackend('a');
    await using slow = await startSlow();
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server s ${slow.address}`]);
    const { whole } = await slow.begin(site.url);
    expect(await site.change([`server a ${a.address}`])).toMatchObject({ kind: 'applied', lingering: 1 });
    await site.applier.hold(true);
    const held = await site.servers();
    slow.finish();
    expect(await whole).toBe('begun and done');
    // Far longer than it takes to delete it.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await site.servers()).toEqual(held);
    expect(site.notes).toEqual([]);
    await site.applier.hold(false);
    await waitFor(() => site.notes.length > 0);
    expect((await site.servers()).length).toBe(1);
  });

  test('a kept-alive connection of a client goes on when the server that it had is removed', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server b ${b.address}`]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const bodies = new Set<string>();
      for (let n = 0; n < 6; n++) {
        bodies.add(await body(site.url, agent));
      }
      expect([...bodies].sort()).toEqual(['a', 'b']);
      expect(await site.change([`server a ${a.address}`])).toMatchObject({ kind: 'applied' });
      for (let n = 0; n < 6; n++) {
        expect(await body(site.url, agent)).toBe('a');
      }
      await waitFor(() => site.applier.lingering.length === 0);
    } finally {
      agent.destroy();
    }
  });

  test('a server that comes back while its last sessions live is revived, without a reload', async () => {
    await using a = await startBackend('a');
    await using slow = await startSlow();
    await using b = await startBackend('b');
    const lines = (address: string, weight: number) => [
      `server a ${a.address} check`,
      `server s ${address} check weight ${weight}`,
    ];
    await using site = await makeRuntimeSite(binary, lines(slow.address, 1));
    const pid = await site.worker();
    const { whole } = await slow.begin(site.url);
    for (let flap = 0; flap < 3; flap++) {
      expect(await site.change([`server a ${a.address} check`])).toMatchObject({
        kind: 'applied',
        lingering: 1,
      });
      expect(await site.change(lines(b.address, 100))).toMatchObject({ kind: 'applied', lingering: 0 });
      expect((await site.servers())[1]).toBe(`s ${b.address} weight 100 admin 0 state 2`);
      await waitFor(async () => (await request(site.url)).body === 'b');
    }
    expect(await site.change(lines(b.address, 1))).toMatchObject({ kind: 'applied' });
    slow.finish();
    expect(await whole).toBe('begun and done');
    expect(await site.worker()).toBe(pid);
  });

  test('one that comes back with other settings is a case for a reload', async () => {
    await using slow = await startSlow();
    await using site = await makeRuntimeSite(binary, [
      `server a ${slow.address}`,
      `server s ${slow.address}`,
    ]);
    const answers = await Promise.all([slow.begin(site.url), slow.begin(site.url)]);
    expect(await site.change([`server a ${slow.address}`])).toMatchObject({ kind: 'applied', lingering: 1 });
    expect(await site.change([`server a ${slow.address}`, `server s ${slow.address} maxconn 5`])).toEqual({
      kind: 'surprise',
      reason: 'server be/s comes back while the last sessions of the old one live, and its settings differ',
    });
    slow.finish();
    expect(await Promise.all(answers.map(({ whole }) => whole))).toEqual([
      'begun and done',
      'begun and done',
    ]);
  });

  test('with a time to drain it gets no new sessions, and is taken out when the time is over', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server b ${b.address}`]);
    expect(await site.change([`server a ${a.address}`], { drain: 400 })).toMatchObject({ lingering: 1 });
    expect((await site.servers())[1]).toBe(`b ${b.address} weight 1 admin 8 state 2`);
    expect(site.applier.lingering).toMatchObject([{ server: 'b', phase: 'draining', address: b.address }]);
    for (let n = 0; n < 4; n++) {
      expect((await request(site.url)).body).toBe('a');
    }
    await waitFor(() => site.notes.length > 0);
    expect(site.notes[0]).toMatchObject({ kind: 'server-gone', server: 'b' });
    expect((site.notes[0] as { ms: number }).ms).toBeGreaterThanOrEqual(400);
    expect((await site.servers()).length).toBe(1);
  });

  test('one that comes back while it drains goes on as if nothing had been', async () => {
    await using a = await startBackend('a');
    await using b = await startBackend('b');
    const both = [`server a ${a.address} check`, `server b ${b.address} check`];
    await using site = await makeRuntimeSite(binary, both);
    await using load = startLoad(site.url);
    expect(await site.change([`server a ${a.address} check`], { drain: 60_000 })).toMatchObject({
      lingering: 1,
    });
    expect(await site.change(both)).toMatchObject({ kind: 'applied', lingering: 0 });
    expect((await site.servers())[1]).toBe(`b ${b.address} weight 1 admin 0 state 2`);
    const before = b.requests();
    await waitFor(() => b.requests() > before);
    expect(load.failures()).toEqual([]);
  });

  test('the next process goes on with those that linger', async () => {
    await using a = await startBackend('a');
    await using slow = await startSlow();
    await using site = await makeRuntimeSite(binary, [`server a ${a.address}`, `server s ${slow.address}`]);
    const { whole } = await slow.begin(site.url);
    expect(await site.change([`server a ${a.address}`])).toMatchObject({ lingering: 1 });
    await site.applier[Symbol.asyncDispose]();
    const { statsSocket, folder } = site;
    site.applier = await createRuntimeApplier({
      statsSocket,
      journal: createStateFile(folder, 'server-journal.json'),
      configPath: site.configPath,
      emit: (event) => site.notes.push(event),
    });
    expect(site.applier.lingering).toMatchObject([{ server: 's', address: slow.address }]);
    slow.finish();
    expect(await whole).toBe('begun and done');
    await waitFor(async () => (await site.servers()).length === 1);
    await waitFor(() => site.notes.length > 0);
  });

  test('a reload ends the lingering: the new worker knows nothing of it, and none of its servers is touched', async () => {
    await using a = await startBackend('a');
    await using slow = await startSlow();
    const both = [`server a ${a.address}`, `server s ${slow.address}`];
    await using site = await makeRuntimeSite(binary, both);
    const { whole } = await slow.begin(site.url);
    expect(await site.change([`server a ${a.address}`])).toMatchObject({ lingering: 1 });
    await site.strangerReloads(site.text(...both));
    await waitFor(() => site.applier.lingering.length === 0);
    expect((await site.servers())[1]).toBe(`s ${slow.address} weight 1 admin 0 state 2`);
    expect(site.notes).toEqual([]);
    slow.finish();
    expect(await whole).toBe('begun and done');
  });
});

/** A server that begins its answers and ends them when it is told to. */
async function startSlow() {
  const open: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    response.write('begun');
    open.push(response);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    /** Requests until one begins here; `whole` is its body. */
    async begin(url: string): Promise<{ readonly whole: Promise<string> }> {
      for (;;) {
        const before = open.length;
        const response = await answerTo(url);
        if (open.length > before) {
          return { whole: bodyOf(response) };
        }
        response.resume();
      }
    },
    finish() {
      for (const response of open) {
        response.end(' and done');
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerTo(url: string, agent = new Agent()): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).once('error', reject);
  });
}

function bodyOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      text += part;
    });
    response.once('error', reject);
    response.once('end', () => resolve(text));
  });
}

async function body(url: string, agent: Agent): Promise<string> {
  return bodyOf(await answerTo(url, agent));
}
