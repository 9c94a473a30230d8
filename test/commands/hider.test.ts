import { expect, it } from 'vitest';
import { hider } from '../../src/commands/hider.ts';
import { createBus, type PointsmanEvent } from '../../src/events.ts';

it('what is told holds neither a secret nor anything unseen, wherever it stands in an event', () => {
  const told: PointsmanEvent[] = [];
  const bus = createBus(hider(() => ['s3cr\u202et']));
  bus.subscribe((event) => told.push(event));
  bus.emit({ kind: 'notice', message: 'etcd says \u202enialp\u2066\u001b[31m s3cr\u202et\nsecond line' });
  bus.emit({ kind: 'keys-rejected', rejected: [{ key: '/a\u00a0', value: '\u200b', reason: 'bad \u2028' }] });
  expect(told).toEqual([
    { kind: 'notice', message: 'etcd says \\u202enialp\\u2066\\u001b[31m ***\nsecond line' },
    {
      kind: 'keys-rejected',
      rejected: [{ key: '/a\\u00a0', value: '\\u200b', reason: 'bad \\u2028' }],
    },
  ]);
});
