import { describe, expect, test } from 'vitest';
import { PAUSE_KEY, type Timed } from './actions.ts';
import type { SourceRank } from './fake-stores.ts';
import { simulate } from './simulate.ts';
import type { Mode } from './world.ts';

interface Story {
  readonly title: string;
  readonly mode: Mode;
  /** @default one */
  readonly sources?: readonly SourceRank[];
  readonly actions: readonly Timed[];
}

const write = (at: number, ...keys: (readonly [string, string | null])[]): Timed => ({
  at,
  action: { kind: 'write', keys },
});
const wrongRoute = JSON.stringify({ meta: { line: 'bogus' } });
const wrong = (port: number) => JSON.stringify({ host: '10.0.0.9', port, opt: 'bogus' });

const TWO_SOURCES: readonly SourceRank[] = [{ optional: false }, { optional: false }];
/** The services web and db are of the first of two sources, api of the second one. */
const ofBoth = write(
  0,
  ['/services/web/a', '10.0.0.1:80'],
  ['/services/api/a', '10.1.0.1:80'],
  ['/services/api/b', '10.1.0.2:80'],
  ['/routes/api', JSON.stringify({ balance: 'leastconn' })],
);

/** What seeds have found, as short as it goes, and what only some of them see. */
const STORIES: readonly Story[] = [
  {
    title: 'what was set aside and could not be written down is no good value to the next life',
    mode: 'seen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80'], ['/services/web/b', '10.0.0.2:80']),
      { at: 3000, action: { kind: 'the disk', ms: 5000, how: 'early' } },
      write(3100, ['/routes/web', wrongRoute]),
      { at: 20_000, action: { kind: 'kill', steps: 0, ms: 1000 } },
      write(20_100, ['/services/db/a', wrong(1)]),
      write(22_000, ['/services/mail/a', '10.0.0.3:80']),
    ],
  },
  {
    title: 'a value over which the template fails is found when the check works again',
    mode: 'seen',
    actions: [
      { at: 1800, action: { kind: 'the check', how: 'broken', ms: 10_000 } },
      write(3400, ['/services/api/b', '10.0.0.1:80']),
      write(5000, ['/services/db/a', JSON.stringify({ host: '10.0.0.2', port: 80, slots: 'many' })]),
    ],
  },
  {
    title: 'what is held and was not judged before a kill is no good value to the next life',
    mode: 'seen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80'], ['/services/web/b', '10.0.0.2:80']),
      { at: 9000, action: { kind: 'terminate', ms: 1000 } },
      { at: 9900, action: { kind: 'template missing', ms: 2000 } },
      write(9950, ['/services/web/b', JSON.stringify({ host: '10.0.0.2', port: 80, slots: 'many' })]),
      { at: 10_300, action: { kind: 'vanish', service: 'web' } },
      { at: 10_400, action: { kind: 'kill', steps: 0, ms: 3000 } },
      write(15_000, ['/services/db/a', JSON.stringify({ host: '10.0.0.3', port: 80, slots: 'many' })]),
      write(16_000, ['/services/api/a', '10.0.0.4:80']),
    ],
  },
  {
    title: 'a file that took its place although writing it failed is not taken for the one before',
    mode: 'seen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80']),
      { at: 5000, action: { kind: 'the disk', ms: 2000, how: 'late' } },
      write(5100, ['/haproxy/maxconn', '2000']),
      write(5900, ['/haproxy/maxconn', null]),
    ],
  },
  {
    title: 'what HAProxy took at run time stays while the check refuses everything',
    mode: 'seen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80']),
      { at: 5000, action: { kind: 'the check', how: 'refuses', ms: 60_000 } },
      write(5100, ['/services/web/b', '10.0.0.2:80']),
      { at: 45_000, action: { kind: 'reread' } },
    ],
  },
  {
    title:
      'a HAProxy that cannot be asked loads the file again when an edit of it was put right: it may have loaded that',
    mode: 'unseen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80']),
      { at: 5000, action: { kind: 'pause', ms: 10_000 } },
      { at: 6000, action: { kind: 'edit', how: 'foreign' } },
      { at: 7000, action: { kind: 'HAProxy ends', ms: 300 } },
    ],
  },
  {
    title:
      'a pause that the clock brought back, and that was taken back before a look saw it, holds nothing up for ever',
    mode: 'seen',
    actions: [
      write(0, ['/services/web/a', '10.0.0.1:80']),
      write(5000, [PAUSE_KEY, '10s']),
      { at: 7000, action: { kind: 'clock', by: 20_000 } },
      { at: 9100, action: { kind: 'clock', by: -20_000 } },
      write(9100, ['/services/web/b', '10.0.0.2:80']),
      write(9150, [PAUSE_KEY, null]),
    ],
  },
  {
    title: 'a source that is silent at a start keeps its services, and what the other one gives goes out',
    mode: 'seen',
    sources: TWO_SOURCES,
    actions: [
      ofBoth,
      { at: 10_000, action: { kind: 'cut', ms: 60_000, resume: false, place: 1 } },
      { at: 11_000, action: { kind: 'kill', steps: 0, ms: 1000 } },
      write(11_500, ['/services/db/a', '10.2.0.1:80']),
      write(20_000, ['/services/web/b', '10.0.0.2:80'], ['/services/api/c', '10.1.0.3:80']),
    ],
  },
  {
    title: 'a prefix that may not be read any more keeps what was read of it, over a restart',
    mode: 'seen',
    sources: TWO_SOURCES,
    actions: [
      ofBoth,
      { at: 10_000, action: { kind: 'refuse', prefix: '/routes', ms: 60_000, place: 1 } },
      { at: 20_000, action: { kind: 'terminate', ms: 1000 } },
      write(25_000, ['/services/api/c', '10.1.0.3:80'], ['/services/web/b', '10.0.0.2:80']),
    ],
  },
  {
    title: 'a source that is empty at a start takes nothing away, and the changes of the other go out',
    mode: 'seen',
    sources: TWO_SOURCES,
    actions: [
      ofBoth,
      { at: 20_000, action: { kind: 'terminate', ms: 3000 } },
      { at: 21_000, action: { kind: 'wipe', ms: 60_000, place: 1 } },
      write(21_500, ['/services/db/a', '10.2.0.1:80']),
    ],
  },
  {
    title: 'an optional source that was never heard holds nothing up',
    mode: 'seen',
    sources: [{ optional: false }, { optional: true }],
    actions: [
      { at: 0, action: { kind: 'cut', ms: 60_000, resume: false, place: 1 } },
      write(0, ['/services/web/a', '10.0.0.1:80'], ['/services/api/a', '10.1.0.1:80']),
      write(5000, ['/services/web/b', '10.0.0.2:80']),
    ],
  },
];

describe('a story that a seed has found', () => {
  test.each(STORIES)('$title', async ({ title, ...story }) => {
    const { violation } = await simulate({ seed: title, ...story });
    expect(violation).toBeNull();
  });

  test('what comes while a pass is at work goes out after it', async () => {
    for (let ms = 0; ms <= 600; ms += 50) {
      const actions: readonly Timed[] = [
        write(0, ['/services/web/a', '10.0.0.1:80']),
        write(5000, ['/haproxy/maxconn', '2000']),
        write(5000 + ms, ['/services/web/b', '10.0.0.2:80']),
      ];
      const { violation } = await simulate({ seed: `it comes after ${ms}`, mode: 'seen', actions });
      expect(violation, `it comes after ${ms} ms`).toBeNull();
    }
  });

  test.each<Mode>(['seen', 'unseen', 'file'])(
    'what was on its way when Pointsman was killed arrives, whatever it was at (%s)',
    async (mode) => {
      for (let steps = 0; steps < 20; steps++) {
        const actions: readonly Timed[] = [
          write(0, ['/services/web/a', '10.0.0.1:80']),
          { at: 4900, action: { kind: 'kill', steps, ms: 1000 } },
          write(4950, ['/services/db/a', '10.0.0.2:80']),
        ];
        const { violation } = await simulate({ seed: `killed after ${steps}`, mode, actions });
        expect(violation, `killed after ${steps} steps`).toBeNull();
      }
    },
  );
});
