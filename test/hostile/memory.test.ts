import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { request, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const MEBIBYTE = 2 ** 20;
/** What the daemon alone takes is 130 MiB; the rest is for 16 MiB of limits, read once and held a few times. */
const MOST = 400;

const HOSTILE: Record<string, { readonly count: number; readonly value: (n: number) => string }> = {
  // Parsed, each would take 8 MB and all of them 470 MB.
  '60 lists of 40,000 lists': {
    count: 60,
    value: (n) => `{"host":"10.0.0.${n}","port":80,"meta":{"a":[${'[[]],'.repeat(40_000)}0]}}`,
  },
  '50 values of 1 MB': { count: 50, value: () => 'x'.repeat(1_000_000) },
  '400 values of 200 kB, five times the limits': { count: 400, value: () => 'x'.repeat(200_000) },
};

/** Has `count` keys written to a service. */
async function fill(etcd: TestEtcd, count: number, value: (n: number) => string): Promise<void> {
  for (let from = 0; from < count; from += 10) {
    const puts = Array.from({ length: 10 }, (_, n) =>
      etcd.client.put(`/services/bad/i${from + n}`).value(value(from + n)),
    );
    await etcd.client
      .if('/none', 'Create', '==', 0)
      .then(...puts)
      .commit();
  }
}

test.each(Object.entries(HOSTILE))(
  '%s: the daemon stays small, serves what fits, and says what does not',
  {
    timeout: 120_000,
  },
  async (_, { count, value }) => {
    await using etcd = await startEtcd({ args: ['--max-request-bytes=16777216'] });
    await etcd.put('/services/web/good', '127.0.0.1:9');
    await using site = await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      more: { limits: { totalBytes: 16 * MEBIBYTE } },
    });
    await using daemon = await site.start();
    await daemon.ready();
    await fill(etcd, count, value);
    const status = async () => (await request(`http://127.0.0.1:${site.statusPort}/api/status`)).body;
    await waitFor(async () => /limits\.(valueBytes|totalBytes)/.test(await status()), {
      what: 'a word of the limits',
      timeout: 60_000,
    });
    // One that comes later and fits is served while the others are there.
    await etcd.put('/routes/web', '{"hosts":["later.example.com"]}');
    await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('later.example.com'), {
      what: 'the route',
      timeout: 60_000,
    });
    expect(await readFile(site.configPath, 'utf8')).toContain('127.0.0.1:9');
    const { 1: peak } =
      /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${daemon.pid}/status`, 'utf8')) ?? [];
    console.log(`${count} values: at most ${Math.round(Number(peak) / 1024)} MiB`);
    expect(Number(peak) / 1024).toBeLessThan(MOST);
  },
);
