import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { type Backend, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { smallDisk } from '../support/small-disk.ts';

const PATIENT = { timeout: 40_000 };
const ALL = process.env.TEST_ALL !== undefined;

/** A service whose one instance is now at one backend and now at the other. */
interface Mover extends AsyncDisposable {
  /** Moves it, and waits until HAProxy sends requests where it is now. */
  move(): Promise<void>;
  /** Writes the beginning. */
  begin(): Promise<void>;
}

async function moverOf(site: Site): Promise<Mover> {
  const backends: readonly Backend[] = [await startBackend('one'), await startBackend('two')];
  let at = 0;
  const write = () =>
    writeFile(
      path.join(site.folder, 'services.yaml'),
      JSON.stringify({ services: { web: { it: backends[at % 2]?.address } } }),
    );
  return {
    begin: write,
    async move() {
      at++;
      await write();
      const { name } = backends[at % 2] ?? { name: '' };
      const arrived = async () => (await request(site.url, { host: 'web' })).body === name;
      await waitFor(arrived, { ...PATIENT, what: `requests at ${name}` });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(backends.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

/** What hinders the ledger, and what ends it. */
interface Fault {
  readonly name: string;
  readonly cause: RegExp;
  readonly begin: (pid: number) => unknown;
  readonly end: (pid: number) => unknown;
}

test('a disk that says no to the ledger costs the ledger alone; it is said, and there it goes on with a number that nobody has', async () => {
  await using site = await makeSite();
  const stateDir = path.join(site.folder, 'state');
  const history = path.join(stateDir, 'history');
  await mkdir(history, { recursive: true });
  const disk = smallDisk(history, '64k');
  const below = (pid: number) => `/proc/${pid}/root${history}`;
  const faults: readonly Fault[] = [
    { name: 'full', cause: /ENOSPC/, begin: disk.fill, end: disk.free },
    {
      name: 'read-only',
      cause: /EROFS/,
      begin: (pid) => disk.within(pid, 'mount -o remount,bind,ro "$1"'),
      end: (pid) => disk.within(pid, 'mount -o remount,bind,rw "$1"'),
    },
    {
      name: 'limited',
      cause: /EFBIG/,
      begin: async (pid) => {
        const { size } = await stat(path.join(below(pid), '0000000001.ledger'));
        await execa('prlimit', [`--pid=${pid}`, `--fsize=${size + 10}:`]);
      },
      end: (pid) => execa('prlimit', [`--pid=${pid}`, '--fsize=unlimited:']),
    },
    {
      name: 'gone, and made anew by somebody who does not let us write',
      cause: /EACCES/,
      begin: async (pid) => {
        await disk.within(pid, 'umount "$1"; rm -r "$1"; mkdir "$1"');
        await chmod(below(pid), 0o555);
      },
      end: (pid) => chmod(below(pid), 0o755),
    },
    {
      name: 'another file',
      cause: /ENOTDIR|EEXIST/,
      begin: (pid) => disk.within(pid, 'rm -r "$1"; touch "$1"'),
      end: (pid) => disk.within(pid, 'rm "$1"'),
    },
  ];
  await using mover = await moverOf(site);
  await mover.begin();
  // Root as well may not write where it is not let.
  const capabilities = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
  await using daemon = await site.start({ under: [...disk.under, ...capabilities] });
  await daemon.ready();
  await using load = startLoad(site.url, { host: 'web' });
  const { pid } = daemon;
  const said = (event: string) => daemon.log().filter((one) => one.event === event);
  const failing = async () =>
    /^pointsman_ledger_failing (\d)$/m.exec(
      (await request(`http://127.0.0.1:${site.statusPort}/metrics`)).body,
    )?.[1];
  const numbers: number[] = [];
  const look = async () => {
    const found = await readLedger(`/proc/${pid}/root${stateDir}`).history({ limit: 1000 });
    numbers.push(
      ...found
        .map(({ number }) => number)
        .filter((number) => !numbers.includes(number))
        .reverse(),
    );
    return found[0];
  };
  for (const [at, fault] of (ALL ? faults : faults.slice(0, 2)).entries()) {
    await waitFor(async () => (await look()) !== undefined, PATIENT);
    await fault.begin(pid);
    const before = numbers.at(-1) ?? 0;
    // A page that is begun takes a few entries more.
    while (said('ledger-failed').length === at) {
      await mover.move();
    }
    await mover.move();
    expect(String(said('ledger-failed')[at]?.msg), fault.name).toMatch(fault.cause);
    expect(said('ledger-failed'), fault.name).toHaveLength(at + 1);
    expect(await failing(), fault.name).toBe('1');
    const { code, stdout } = await site.run('status');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^! ledger +what happens cannot be written down: writing the ledger in /m);
    await fault.end(pid);
    await waitFor(() => said('ledger-mended').length === at + 1, {
      ...PATIENT,
      what: `an end of ${fault.name}`,
    });
    expect(await failing(), fault.name).toBe('0');
    await mover.move();
    await waitFor(async () => ((await look())?.number ?? 0) > before, PATIENT);
  }
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  expect(load.failures()).toEqual([]);
  expect((await site.run('status')).code).toBe(0);
}, 240_000);

const STARTS = [
  ['full', 'head -c 1M /dev/zero > "$1/filler" || :'],
  ['read-only', 'touch "$1/lock"; mount -o remount,bind,ro "$1"'],
] as const;
test.each(ALL ? STARTS : STARTS.slice(0, 1))(
  'a start with a state folder that is %s serves, and changes go out',
  async (_, first) => {
    await using site = await makeSite();
    const state = path.join(site.folder, 'state');
    await mkdir(state);
    await using mover = await moverOf(site);
    await mover.begin();
    await using daemon: Daemon = await site.start({ under: smallDisk(state, '16k', first).under });
    await daemon.ready();
    await using load = startLoad(site.url, { host: 'web' });
    await mover.move();
    await mover.move();
    expect(load.failures()).toEqual([]);
    expect(daemon.log().some(({ msg }) => /ENOSPC|EROFS/.test(String(msg)))).toBe(true);
    // It is held all the same.
    const { code, stderr } = await site.run('render');
    expect(code).toBe(1);
    expect(stderr).toContain('another Pointsman holds it');
  },
  120_000,
);
