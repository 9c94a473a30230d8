import type { Draft } from '../../src/ledger/segment-writer.ts';

/** What a pass leaves to be written, with texts of a service whose only server has this port. */
export function draft(from: number | null, to: number, more: Partial<Draft['entry']> = {}): Draft {
  return {
    entry: {
      time: new Date(1_800_000_000_000 + to * 1000).toISOString(),
      outcome: 'reloaded',
      revision: String(to),
      keys: [`/services/web/s${to}`],
      keyCount: 1,
      by: [],
      services: ['web'],
      changes: [`web: +s${to}`],
      triggers: ['etcd: 1 key changed'],
      reasons: [],
      words: [],
      error: null,
      ms: 12,
      steps: { render: 1 },
      rollback: null,
      dropped: 0,
      ...more,
    },
    before: from === null ? null : textOf(from),
    wanted: textOf(to),
    file: '/etc/haproxy/haproxy.cfg',
  };
}

/** A text of HAProxy. */
export function textOf(port: number): string {
  return `global\n  maxconn 100\n\nbackend be_web\n  server s 127.0.0.1:${port}\n`;
}
