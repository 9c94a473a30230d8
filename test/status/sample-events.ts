import type { PointsmanEvent } from '../../src/events.ts';
import { samplePass } from './sample-pass.ts';

const WEB = '/services/web/one';
const SINCE = 90_000;
const SET_BY_HAND = {
  ...{ backend: 'be_web', server: 'one', address: '10.0.0.1:80' },
  ...{ admin: 'drain' as const, weight: null, since: SINCE },
};

/** One event of each kind: the compiler asks for a new one. */
export const SAMPLES: {
  readonly [Kind in PointsmanEvent['kind']]: Extract<PointsmanEvent, { readonly kind: Kind }>;
} = {
  starting: {
    kind: 'starting',
    version: '1.2.3',
    mode: 'managed',
    sources: ['etcd'],
    template: '/t.njk',
    target: '/h.cfg',
  },
  started: { kind: 'started' },
  notice: { kind: 'notice', message: 'something', hint: 'Do something.' },
  'judged-by': { kind: 'judged-by', version: '3.0.11', trouble: null },
  'source-state': { kind: 'source-state', source: 0, name: 'etcd', state: 'live', error: null },
  'source-data': {
    ...{ kind: 'source-data', source: 0, name: 'etcd', what: 'snapshot' },
    ...{ changed: 7, keys: 7, revision: '42' },
  },
  'cache-served': { kind: 'cache-served', keys: 7, ageMs: 60_000, waitedMs: 3000 },
  'cache-over': { kind: 'cache-over' },
  'keys-rejected': { kind: 'keys-rejected', rejected: [{ key: WEB, value: 'x', reason: 'no port' }] },
  'rejections-gone': { kind: 'rejections-gone', keys: [WEB] },
  'keys-kept': {
    kind: 'keys-kept',
    kept: [{ key: WEB, by: 'grammar', reason: 'no port', since: SINCE, form: '10.0.0.1:80' }],
  },
  'kept-too-long': { kind: 'kept-too-long', keys: [WEB] },
  'kept-over': { kind: 'kept-over', keys: [WEB] },
  'keys-remarked': {
    kind: 'keys-remarked',
    remarks: [{ service: 'web', kind: 'misspelt', count: 1, key: WEB, message: 'wieght' }],
  },
  'addresses-taken': {
    kind: 'addresses-taken',
    claims: [{ service: 'web', by: 'shop', taken: 3, of: 4 }],
  },
  'mass-claims': {
    kind: 'mass-claims',
    claims: [{ service: 'web', by: 'shop', taken: 3, of: 4 }],
    count: 1,
  },
  remarks: {
    kind: 'remarks',
    remarks: [],
    count: 0,
    keys: { misspelt: 1, 'unknown field': 1, 'dropped field': 1, udp: 1 },
  },
  'keys-held': {
    kind: 'keys-held',
    held: [{ key: WEB, service: 'web', rule: 'emptied', since: SINCE, until: null }],
  },
  'keys-let-go': { kind: 'keys-let-go', keys: [{ key: WEB, why: 'back' }] },
  'template-changed': { kind: 'template-changed', folder: '/t', files: 1 },
  'template-error': { kind: 'template-error', message: 'x' },
  'template-mended': { kind: 'template-mended' },
  quarantined: {
    kind: 'quarantined',
    units: [
      { unit: 'instances of web', keys: [WEB], forms: {}, reason: 'x', instead: 'nothing', since: SINCE },
    ],
  },
  'quarantine-released': { kind: 'quarantine-released', units: ['instances of web'] },
  'nobody-quarantined': { kind: 'nobody-quarantined', fault: 'template', message: 'x' },
  'check-refused': { kind: 'check-refused', output: 'x', excerpt: [], hash: 'ab' },
  'check-broken': { kind: 'check-broken', message: 'x', retryInMs: 500 },
  'check-warned': { kind: 'check-warned', warnings: 'x' },
  'preflight-failed': { kind: 'preflight-failed', message: 'x', retryInMs: 500 },
  published: { kind: 'published', path: '/h.cfg', hash: 'ab', bytes: 10 },
  'publish-failed': { kind: 'publish-failed', message: 'x', retryInMs: 500 },
  'rolled-back': { kind: 'rolled-back', path: '/h.cfg', hash: 'ab' },
  'hand-edit': { kind: 'hand-edit', path: '/h.cfg', kept: null, diff: '' },
  'ledger-failed': { kind: 'ledger-failed', message: 'x' },
  'ledger-mended': { kind: 'ledger-mended', dropped: 2 },
  ahead: { kind: 'ahead', hash: 'ab' },
  'ahead-too-long': { kind: 'ahead-too-long', ms: 5000 },
  recorded: { kind: 'recorded', steps: { check: 60, publish: 2 } },
  'ahead-over': { kind: 'ahead-over', ms: 5100 },
  'haproxy-started': { kind: 'haproxy-started', pid: 6 },
  'haproxy-adopted': { kind: 'haproxy-adopted', pid: 6 },
  'haproxy-log': { kind: 'haproxy-log', line: '[NOTICE] x' },
  'haproxy-appeared': {
    kind: 'haproxy-appeared',
    state: {
      ...{ kind: 'running', pid: 7, mark: '2123456789abcdef', version: '3.0.11' },
      ...{ reloads: 2, failedReloads: 1, oldWorkers: 1 },
    },
  },
  'haproxy-changed': { kind: 'haproxy-changed', state: { kind: 'unseen' } },
  'haproxy-drift': { kind: 'haproxy-drift', expected: 'ab', found: null },
  'servers-drifted': { kind: 'servers-drifted', differences: ['x'], count: 1 },
  'set-by-hand': { kind: 'set-by-hand', server: SET_BY_HAND },
  'set-by-hand-long': { kind: 'set-by-hand-long', server: SET_BY_HAND, ms: 3_600_000 },
  'set-by-hand-over': { kind: 'set-by-hand-over', server: SET_BY_HAND, cause: 'set back' },
  'servers-changed': {
    kind: 'servers-changed',
    changes: { add: 1, address: 1, weight: 1, state: 1, remove: 1 },
  },
  'server-gone': { kind: 'server-gone', backend: 'be_web', server: 'one', ms: 1000 },
  'reload-delayed': { kind: 'reload-delayed', cause: 'x' },
  'reload-failed': { kind: 'reload-failed', message: 'x', failures: 1, retryInMs: 500 },
  pass: samplePass(),
  paused: { kind: 'paused', until: 200_000, by: 'pointsman pause' },
  resumed: { kind: 'resumed', cause: 'its time is over', by: null },
  rollback: {
    ...{ kind: 'rollback', number: 41, mode: 'today', since: SINCE, until: null, by: 'uid 0 (root)' },
    ...{ emptied: ['be_old'], absent: ['be_new'], leftOut: ['be_web/a 10.0.0.1:80 (of shop)'] },
  },
  'rollback-over': { kind: 'rollback-over', number: 41, cause: 'its time is over' },
  'settings-read': {
    ...{ kind: 'settings-read', cause: 'file' },
    ...{ applied: ['vars.domain'], restart: ['haproxy.binary'] },
  },
  'settings-refused': { kind: 'settings-refused', message: 'x' },
  'settings-mended': { kind: 'settings-mended' },
  'haproxy-away': { kind: 'haproxy-away', cause: 'x' },
  'haproxy-exited': { kind: 'haproxy-exited', cause: 'x', restartInMs: 100 },
  'part-failed': {
    ...{ kind: 'part-failed', where: 'a pass', message: 'x', stack: 'x', report: null, retryInMs: null },
  },
  stopping: { kind: 'stopping', cause: 'SIGTERM' },
  stopped: { kind: 'stopped' },
  crashed: { kind: 'crashed', message: 'x', stack: null, haproxy: null },
};
