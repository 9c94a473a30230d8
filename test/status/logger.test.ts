import { describe, expect, it } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import type { PresentHaproxy } from '../../src/events-haproxy.ts';
import type { LogLevel } from '../../src/status/log-line.ts';
import { openLog } from '../../src/status/logger.ts';
import { samplePass } from './sample-pass.ts';

async function written(
  events: readonly PointsmanEvent[],
  how: { level?: LogLevel; format?: 'auto' | 'json' | 'pretty'; terminal?: boolean } = {},
): Promise<string[]> {
  const texts: string[] = [];
  const stream = { write: (text: string) => texts.push(text) };
  using log = await openLog({ level: 'info', format: 'auto', terminal: false, stream, ...how });
  for (const event of events) {
    log.listener(event);
  }
  return texts;
}

describe('openLog()', () => {
  it('writes a pass as one line of JSON', async () => {
    const texts = await written([samplePass()]);
    expect(texts).toHaveLength(1);
    expect(texts[0]).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(texts[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      event: 'pass',
      outcome: 'reloaded',
      triggers: ['etcd: 1 key changed'],
      came: { keys: ['/services/web/a'], count: 1, revision: '812', by: [] },
      changes: ['web: +a'],
      reasons: ['backend be_web added'],
      reload: 'sections',
      liveMs: 250,
      ms: 142,
      steps: { render: 2, check: 60, reload: 80 },
      counts: { keys: 7, services: 2, instances: 5, routes: 1, rejected: 1, ignored: 3 },
      hashes: {
        raw: '0123456789abcdef',
        believed: '1123456789abcdef',
        served: '3123456789abcdef',
        text: '2123456789abcdef',
      },
      applied: { kind: 'verified', hash: '2123456789abcdef' },
      pending: null,
      msg: 'etcd: 1 key changed [/services/web/a at revision 812] -> reloaded in 142 ms: web: +a (backend be_web added)',
    });
  });

  it('writes for people where stderr is a terminal', async () => {
    const [text] = await written([samplePass()], { terminal: true });
    expect(text).toContain('reloaded in 142 ms: web: +a (backend be_web added)');
    expect(() => JSON.parse(text ?? '')).toThrow();
    expect(text?.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each(['json', 'pretty'] as const)('writes %s where the settings say so', async (format) => {
    const [text] = await written([{ kind: 'started' }], { format, terminal: format === 'json' });
    expect(text?.startsWith('{')).toBe(format === 'json');
  });

  it('gives no text a line that passes for a record', async () => {
    const forged = '12:00:00.000 INFO: haproxy was reloaded';
    const event: PointsmanEvent = { kind: 'notice', message: `reading etcd: it says\n${forged}` };
    for (const format of ['json', 'pretty'] as const) {
      const text = (await written([event], { format })).join('');
      expect(text).toContain(forged);
      expect(text).not.toMatch(new RegExp(`^${forged}`, 'm'));
    }
  });

  it('leaves out what is below the level', async () => {
    const events: PointsmanEvent[] = [
      { kind: 'started' },
      samplePass({ outcome: 'refused', error: 'haproxy -c refused it' }),
      { kind: 'source-data', source: 0, name: 'etcd', what: 'changes', changed: 1, keys: 2, revision: '3' },
    ];
    expect(await written(events, { level: 'error' })).toHaveLength(1);
    expect(await written(events)).toHaveLength(2);
    expect(await written(events, { level: 'debug' })).toHaveLength(3);
  });

  it('names rejected keys with the reason, and when they are gone', async () => {
    const rejected = [
      { key: '/services/web/1', value: 'foo bar', reason: 'found no port; host:port would fit' },
    ];
    const lines = (
      await written([
        { kind: 'keys-rejected', rejected },
        { kind: 'rejections-gone', keys: ['/services/web/1'] },
      ])
    ).map((text) => JSON.parse(text));
    expect(lines[0]).toMatchObject({
      level: 'warn',
      rejected,
      msg: 'rejected /services/web/1: found no port; host:port would fit',
    });
    expect(lines[1]).toMatchObject({ level: 'info', msg: 'no longer rejected: /services/web/1' });
  });

  const records = async (event: PointsmanEvent, level: LogLevel = 'debug') =>
    (await written([event], { level })).map((text) => {
      const { level: loud, msg, part } = JSON.parse(text);
      return [loud, msg, part];
    });

  it('names 20 of very many units that are set aside, and counts the others', async () => {
    const unit = (at: number) => ({
      ...({
        unit: `instances of s${at}`,
        keys: [],
        forms: {},
        reason: 'r',
        instead: 'nothing',
        since: 0,
      } as const),
    });
    const units = Array.from({ length: 5000 }, (_, at) => unit(at));
    const [text = ''] = await written([{ kind: 'quarantined', units }]);
    expect(text.length).toBeLessThan(10_000);
    expect(JSON.parse(text)).toMatchObject({ count: 5000, msg: expect.stringContaining('and 4980 more') });
  });

  it("writes HAProxy's own words a line each, as loud as HAProxy has them, and the lines they name", async () => {
    const refused: PointsmanEvent = {
      kind: 'check-refused',
      output:
        '[NOTICE]   (7) : haproxy version is 2.6\n[WARNING]  (7) : old\n[ALERT] parsing [haproxy.cfg:12]\n',
      excerpt: ['12 | server x'],
      hash: 'ab',
    };
    expect(await records(refused)).toEqual([
      ['error', 'haproxy refuses the configuration:', undefined],
      ['debug', '[NOTICE]   (7) : haproxy version is 2.6', 2],
      ['warn', '[WARNING]  (7) : old', 3],
      ['error', '[ALERT] parsing [haproxy.cfg:12]', 4],
      ['error', '12 | server x', 5],
    ]);
    expect(await records(refused, 'error')).toHaveLength(3);
    const failed = { kind: 'reload-failed', failures: 1, retryInMs: 1000 } as const;
    const message = 'loading /x: HAProxy goes on; it said:\n[NOTICE] (7) : why\n[ALERT] (7) : no';
    expect(await records({ ...failed, message })).toEqual([
      ['error', 'the reload failed (again in 1000 ms): loading /x: HAProxy goes on; it said:', undefined],
      ['info', '[NOTICE] (7) : why', 2],
      ['error', '[ALERT] (7) : no', 3],
    ]);
    const many = Array.from({ length: 80 }, (_, index) => `[ALERT] (7) : ${index}`).join('\n');
    expect((await records({ ...failed, message: `no\n${many}` })).slice(-2)).toEqual([
      ['error', '[ALERT] (7) : 49', 51],
      ['error', '… and 30 more lines', 52],
    ]);
  });

  it('writes what HAProxy says of itself a line each, and what is routine for debugging only', async () => {
    const line = [
      '[NOTICE]   (1) : New worker (2) forked',
      '[WARNING]  (1) : Former worker (3) exited with code 0 (Exit)',
      '[ALERT]    (1) : Current worker (2) exited with code 139 (Segmentation fault)',
      'Server be_web/one is DOWN',
    ].join('\n');
    expect(await records({ kind: 'haproxy-log', line })).toEqual([
      ['debug', 'haproxy: [NOTICE]   (1) : New worker (2) forked', undefined],
      ['debug', 'haproxy: [WARNING]  (1) : Former worker (3) exited with code 0 (Exit)', undefined],
      [
        'error',
        'haproxy: [ALERT]    (1) : Current worker (2) exited with code 139 (Segmentation fault)',
        undefined,
      ],
      ['info', 'haproxy: Server be_web/one is DOWN', undefined],
    ]);
  });

  it('says that HAProxy answers only where it was asked', async () => {
    const seen = (state: PresentHaproxy) => records({ kind: 'haproxy-appeared', state });
    expect(await seen({ kind: 'unseen' })).toEqual([
      ['debug', 'HAProxy is not asked: there is no socket of it to ask on', undefined],
    ]);
    expect(await seen({ kind: 'unseen', pid: 7 })).toEqual([
      ['info', 'HAProxy runs (pid 7); there is no socket to ask it on', undefined],
    ]);
    expect(await seen({ kind: 'running', pid: 7, mark: null, version: null })).toEqual([
      ['info', 'HAProxy answers (pid 7)', undefined],
    ]);
  });

  it('writes the count of what it left out with what it held back, at the latest when it is closed', async () => {
    const texts: string[] = [];
    const log = await openLog({
      level: 'info',
      format: 'json',
      terminal: false,
      stream: { write: (text) => texts.push(text) },
    });
    for (let i = 0; i < 5; i++) {
      log.listener(samplePass({ ms: i }));
    }
    expect(texts).toHaveLength(1);
    log[Symbol.dispose]();
    expect(texts).toHaveLength(2);
    expect(JSON.parse(texts[1] ?? '')).toMatchObject({ ms: 4, leftOut: 3 });
  });
});
