import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Planner } from '../../src/plan/planner.ts';
import { runtimeLines } from '../../src/plan/runtime-lines.ts';
import { startBackend, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { plainHead, startPlain } from './running-state.ts';

interface TestServer {
  readonly name: number;
  readonly host: number;
  readonly weight: number | null;
  readonly disabled: boolean;
}
/** Servers of each backend, in the order of their lines. */
type Fleet = readonly (readonly TestServer[])[];

const DEFAULTS = `defaults base
  mode http
  timeout connect 1s
  timeout server 1s
  default-server inter 23h
defaults heavy from base
  default-server weight 3 check maxconn 9
  balance leastconn
`;
const BACKENDS = [
  'backend plain from base',
  'backend robin from base\n  balance roundrobin\n  default-server check observe layer4\n  cookie S insert',
  'backend least from heavy',
  'backend id_tls from heavy\n  balance random\n  default-server ssl verify none sni str(x) no-backup',
  'backend tcp from base\n  mode tcp\n  default-server send-proxy-v2 check disabled',
  'backend id_first from base\n  balance first',
  'backend id_ring from heavy\n  balance uri\n  hash-type consistent',
  'backend id_stick from base\n  stick-table type ip size 1k\n  stick on src',
  'backend fixed from base\n  balance source',
];
const FIXED = BACKENDS.length - 1;
/** What a server says for itself never changes, and depends on its name alone. */
const KEYWORDS = [
  '',
  ' check',
  ' maxconn 5',
  ' backup',
  ' check rise 5 fall 7',
  ' enabled maxqueue 3 minconn 1 maxconn 4',
];

const server = (name: number) =>
  fc.record({
    name: fc.constant(name),
    host: fc.integer({ min: 1, max: 4 }),
    weight: fc.option(fc.constantFrom(0, 1, 3, 256)),
    disabled: fc.boolean(),
  });
const servers: fc.Arbitrary<readonly TestServer[]> = fc
  .tuple(...KEYWORDS.map((_, name) => server(name)))
  .chain((all) => fc.shuffledSubarray(all));
/** A map of a hash is made at a start: there all servers stay, with their weights. */
const fixedServers = fc
  .tuple(...[0, 1, 2].map((name) => server(name)))
  .map((all) => all.map((one) => ({ ...one, weight: 2 })));
const fleets: fc.Arbitrary<Fleet> = fc.tuple(
  ...BACKENDS.map((_, index) => (index === FIXED ? fixedServers : servers)),
);

/** All checks go to a port that answers: whether a server is up must not depend on when its first check comes. */
function render(head: string, checks: string, fleet: Fleet): string {
  const backends = BACKENDS.map((backend, index) => {
    const lines = (fleet[index] ?? []).map((one) => serverLine(one, backend.includes(' id_')));
    return `${backend}\n  option tcp-check\n  tcp-check connect addr 127.0.0.1 ${checks}\n${lines.join('')}`;
  });
  return head + DEFAULTS + backends.join('');
}

function serverLine({ name, host, weight, disabled }: TestServer, withId: boolean): string {
  const address = host === 4 ? `[::1]:${8000 + name}` : `127.0.0.${host}:${8000 + name}`;
  const id = withId ? ` id ${100 + name}` : '';
  return `  server s-${name} ${address}${KEYWORDS[name]}${weight === null ? '' : ` weight ${weight}`}${id}${disabled ? ' disabled' : ''}\n`;
}

test.each(haproxyVersions)(
  'HAProxy $name after the commands of a plan runs what a fresh one runs from the new text',
  async ({ name: version, path: binary }) => {
    await using folder = await tempFolder();
    await using backend = await startBackend('checked');
    const checks = `port ${backend.address.split(':')[1]}`;
    const start = (name: string, fleet: Fleet) =>
      startPlain({
        binary,
        folder: folder.path,
        name,
        text: render(plainHead(folder.path, name), checks, fleet),
      });
    await fc.assert(
      fc.asyncProperty(fc.array(fleets, { minLength: 3, maxLength: 4 }), async ([first = [], ...steps]) => {
        const head = plainHead(folder.path, 'running');
        await using running = await start('running', first);
        const planner = new Planner(render(head, checks, first), { version });
        for (const fleet of steps) {
          const text = render(head, checks, fleet);
          const plan = planner.plan(text);
          if (plan.kind === 'reload') {
            expect(plan.reasons).toEqual([]);
          }
          const commands = plan.kind === 'runtime' ? plan.commands : [];
          await running.apply(commands.flatMap((command) => runtimeLines(command, { newServers: 'up' })));
          planner.moveTo(text);
          await using fresh = await start('fresh', fleet);
          expect(await running.state()).toEqual(await fresh.state());
        }
      }),
      { numRuns: 6, endOnFailure: true },
    );
  },
);

test.each(haproxyVersions)(
  'a new server that is to be checked first is down on HAProxy $name until its check is good',
  async ({ name: version, path: binary }) => {
    await using folder = await tempFolder();
    await using backend = await startBackend('new');
    const text = `${plainHead(folder.path, 'gated')}${DEFAULTS}backend b from base\n  default-server inter 300ms\n`;
    await using haproxy = await startPlain({ binary, folder: folder.path, name: 'gated', text });
    const plan = new Planner(text, { version }).plan(`${text}  server new ${backend.address} check\n`);
    const commands = plan.kind === 'runtime' ? plan.commands : [];
    await haproxy.apply(commands.flatMap((command) => runtimeLines(command, { newServers: 'checked' })));
    expect((await haproxy.state()).join()).toContain('status=DOWN');
    await waitFor(async () => (await haproxy.state()).join().includes('status=UP'), {
      what: 'the first check',
    });
  },
);
