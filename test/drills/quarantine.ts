import { createSocket } from 'node:dgram';
import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { request, startBackend, waitFor } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { BAD, drill, expectAside, expectThat, timed } from './quarantine-drill.ts';
import { type QuarantineSite, quarantineSite, TEMPLATE } from './quarantine-site.ts';

type Keys = Record<string, string | object | null>;

/** `count` new services, of which those in `bad` have `change`. */
function newServices(at: QuarantineSite, count: number, bad: readonly number[], change: object): Keys {
  const [host = '', port = ''] = at.other.address.split(':');
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => {
      const value = { host, port: Number(port), ...(bad.includes(n) ? change : {}) };
      return [`/services/s${n}/one`, value];
    }),
  );
}

/** Writes many new services at once, some of them bad, and waits for the last good one. */
function manyAtOnce(bad: readonly number[], change: object, words: RegExp) {
  return async (at: QuarantineSite, form: 'short' | 'full') => {
    const count = form === 'full' ? 200 : 60;
    const ms = await timed(async () => {
      await at.put(newServices(at, count, bad, change));
      await at.answered(`s${count - 1}`, 'other');
    });
    await expectAside(
      at,
      bad.map((n) => `instances of s${n}`),
      words,
    );
    expectThat(
      (await request(at.site.url, { host: `s${bad[0]}` })).status !== 200,
      'the bad one is left out',
    );
    await at.put(newServices(at, count, [], {}));
    await at.answered(`s${bad[0]}`, 'other');
    await expectAside(at, [], /./);
    return ms;
  };
}

/** A DNS server that hears and never answers. */
async function silentDns() {
  const socket = createSocket('udp4');
  let questions = 0;
  socket.on('message', () => questions++);
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions: () => questions,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/** Every drill of section 4 of the promises: one bad key hurts only itself. */
export const quarantineDrills: readonly Drill[] = [
  drill(
    '1 bad of 200 changed at once',
    'the others within 3 s',
    manyAtOnce([37], BAD, /unknown keyword 'chekc'/),
  ),
  drill(
    '3 bad of 200 changed at once',
    'the others within 3 s',
    manyAtOnce([3, 37, 51], BAD, /unknown keyword 'chekc'/),
  ),
  drill('two changes that are bad only together', 'one stays, one is set aside', async (at) => {
    const [host = '', port = ''] = at.other.address.split(':');
    const value = (also: string) => ({ host, port: Number(port), meta: { also } });
    const ms = await timed(async () => {
      await at.put({
        '/services/alpha/one': value('twice'),
        '/services/beta/one': value('twice'),
        '/services/gamma/one': value('once'),
      });
      await at.answered('gamma', 'other');
    });
    await at.answered('alpha', 'other');
    await expectAside(at, ['instances of beta'], /twice/);
    return ms;
  }),
  drill('1 bad of 200 whose line HAProxy does not name', 'the others within 5 s', async (at, form) => {
    const count = form === 'full' ? 200 : 30;
    const ms = await timed(async () => {
      await at.put({
        ...newServices(at, count, [], {}),
        '/routes/s7': { meta: { to: 'nowhere' } },
      });
      await at.answered(`s${count - 1}`, 'other');
    });
    await expectAside(at, ['route of s7', 'instances of s7'], /nowhere/);
    await at.put({ '/routes/s7': null });
    await at.answered('s7', 'other');
    return ms;
  }),
  drill(
    'a bad free key',
    'the others at once, the old value stays',
    async (at) => {
      const [host = '', port = ''] = at.other.address.split(':');
      const ms = await timed(async () => {
        await at.put({ '/haproxy/client': 'plenty', '/services/new/one': { host, port: Number(port) } });
        await at.answered('new', 'other');
      });
      await expectAside(at, ['key /haproxy/client'], /timeout client/);
      await at.put({ '/haproxy/client': '6s' });
      await expectAside(at, [], /./);
      return ms;
    },
    { before: { '/haproxy/client': '7s' } },
  ),
  drill('a bad template', 'nothing is touched, changes go on with the last good one', async (at) => {
    await at.template(TEMPLATE.replace('server {{', 'sever {{'));
    await waitFor(() => at.events('template-error').length > 0, { what: 'the refused template' });
    const ms = await timed(async () => {
      await at.put({ '/services/new/one': at.other.address });
      await at.answered('new', 'other');
    });
    await at.template(TEMPLATE.replace('{% endfor %}', ''));
    await waitFor(() => at.events('template-error').length > 1, { what: 'the broken template' });
    await expectAside(at, [], /./);
    await at.goodTemplate(TEMPLATE);
    return ms;
  }),
  drill('a template bad for one service', 'the others at once', async (at) => {
    await at.goodTemplate(
      TEMPLATE.replace(
        'i.meta.options | default("")',
        '"weight " ~ i.meta.cost.now if i.meta.cost is defined else ""',
      ),
    );
    const ms = await timed(async () => {
      await at.put({
        '/services/odd/one': `{"host":"127.0.0.1","port":${at.other.port},"cost":{"then":1}}`,
        '/services/new/one': at.other.address,
      });
      await at.answered('new', 'other');
    });
    await expectAside(at, ['instances of odd'], /cost/);
    return ms;
  }),
  drill('a name that a template needs goes', 'it stays, the others at once', async (at) => {
    await at.goodTemplate(`${TEMPLATE}# {{ service("calm").name }}\n`);
    const ms = await timed(async () => {
      await at.put({ '/services/calm/one': null, '/services/new/one': at.other.address });
      await at.answered('new', 'other');
    });
    await at.answered('calm', 'other');
    await expectAside(at, ['instances of calm'], /no service "calm"/);
    return ms;
  }),
  drill('a quarantined service whose instances move', 'the traffic moves with them', async (at) => {
    await using moved = await startBackend('web');
    await at.put({ '/services/web/one': { host: '127.0.0.1', port: at.web.port, ...BAD } });
    await expectAside(at, ['instances of web'], /unknown keyword 'chekc'/);
    const ms = await timed(async () => {
      await at.put({ '/services/web/two': { host: '127.0.0.1', port: moved.port, ...BAD } });
      await waitFor(() => moved.requests() > 0, { what: 'a request to the new instance' });
      await at.put({ '/services/web/one': null });
      const before = () => at.web.requests();
      await waitFor(
        async () => {
          const seen = before();
          await new Promise((resolve) => setTimeout(resolve, 200));
          return before() === seen;
        },
        { what: 'the end of requests to the old instance' },
      );
    });
    await expectAside(at, ['instances of web'], /unknown keyword 'chekc'/);
    await at.calm();
    return ms;
  }),
  drill(
    'Pointsman killed while something is set aside',
    'it stays set aside, traffic goes on',
    async (at) => {
      await at.put({ '/services/web/one': { host: '127.0.0.1', port: at.web.port, ...BAD } });
      await expectAside(at, ['instances of web'], /unknown keyword 'chekc'/);
      // What is on the disk is what a crash does not forget.
      const record = path.join(at.site.folder, 'state', 'quarantine.json');
      await waitFor(async () =>
        (await readFile(record, 'utf8').catch(() => '')).includes('/services/web/one'),
      );
      at.daemon.child.kill('SIGKILL');
      await at.daemon.ended;
      await using again = await at.site.start();
      await again.ready();
      const ms = await timed(async () => {
        await at.put({ '/services/new/one': at.other.address });
        await at.answered('new', 'other');
      });
      await expectAside(at, ['instances of web'], /unknown keyword 'chekc'/);
      const refused = again.log().filter(({ event }) => event === 'check-refused');
      expectThat(refused.length === 0, 'the bad form is not taken up by the new run');
      await at.put({ '/services/web/one': at.web.address });
      await expectAside(at, [], /./);
      await at.calm();
      return ms;
    },
  ),
  {
    name: 'quarantine: DNS silent with 50 host names',
    promise: 'other services as quick as before',
    async run() {
      await using dns = await silentDns();
      await using at = await quarantineSite({ template: null, vars: { nameservers: [dns.address] } });
      const live = (name: string) =>
        timed(async () => {
          await at.put({ [`/services/${name}/one`]: at.other.address });
          await at.answered(name, 'other');
        });
      const before = await live('before');
      const names = Array.from({ length: 50 }, (_, n) => [`/services/n${n}/one`, `h${n}.example.com:80`]);
      await at.put(Object.fromEntries(names));
      await waitFor(() => dns.questions() > 0, { what: 'a question to the DNS server' });
      const after = [await live('first'), await live('second'), await live('third')].sort((a, b) => a - b);
      const median = after[1] ?? 0;
      expectThat(
        median < before * 3 + 500,
        `${Math.round(before)} ms before, ${Math.round(median)} ms after`,
      );
      await expectAside(at, [], /./);
      return { ms: median, seen: `${await at.calm()}; ${Math.round(before)} ms before` };
    },
  },
  drill('haproxy missing for a while', 'traffic goes on, nobody is blamed, healed by itself', async (at) => {
    const binary = path.join(at.site.folder, 'bin', 'haproxy');
    await rename(binary, `${binary}.away`);
    await at.put({ '/services/new/one': at.other.address });
    await waitFor(() => at.events('check-broken').length > 0, { what: 'the broken check' });
    await rename(`${binary}.away`, binary);
    const ms = await timed(() => at.answered('new', 'other'));
    await expectAside(at, [], /./);
    return ms;
  }),
];
