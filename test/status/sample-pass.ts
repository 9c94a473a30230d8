import type { PassEvent } from '../../src/events.ts';

/** A pass that went well; change what a test is about. */
export function samplePass(change: Partial<PassEvent> = {}): PassEvent {
  return {
    kind: 'pass',
    outcome: 'reloaded',
    triggers: ['etcd: 1 key changed'],
    came: { keys: ['/services/web/a'], count: 1, revision: '812', by: [] },
    changes: ['web: +a'],
    reasons: ['backend be_web added'],
    reload: 'sections',
    liveMs: 250,
    ms: 142.4,
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
    error: null,
    ...change,
  };
}
