import { describe, expect, it } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import type { RunningHaproxy } from '../../src/events-haproxy.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { samplePass } from './sample-pass.ts';

const RUNNING: RunningHaproxy = {
  kind: 'running',
  pid: 7,
  mark: '2123456789abcdef',
  version: '3.0.11',
  reloads: 1,
  failedReloads: 0,
  oldWorkers: 0,
};
const STARTING: PointsmanEvent = {
  kind: 'starting',
  version: '1.2.3',
  mode: 'master-socket',
  sources: ['etcd', 'file a'],
  template: '/t.njk',
  target: '/h.cfg',
};

function keeper(...events: readonly PointsmanEvent[]) {
  let time = 1000;
  const status = trackStatus({ version: '1.2.3', now: () => time });
  const tell = (event: PointsmanEvent, at = time) => {
    time = at;
    status.listener(event);
  };
  for (const event of events) {
    tell(event);
  }
  return { tell, current: status.current };
}

describe('trackStatus()', () => {
  it('says what is missing before anything is applied: the sources that have not answered', () => {
    const { current } = keeper(STARTING, {
      kind: 'source-state',
      source: 0,
      name: 'etcd',
      state: 'connecting',
      error: 'ECONNREFUSED',
    });
    expect(current().missing).toEqual([
      'nothing is applied yet: etcd is connecting (ECONNREFUSED), file a is connecting',
    ]);
  });

  it('says which sources have not answered, and why, also when they are waited for no longer', () => {
    const { current } = keeper(
      STARTING,
      {
        kind: 'source-data',
        source: 1,
        name: 'file a',
        what: 'snapshot',
        changed: 1,
        keys: 1,
        revision: '0',
      },
      { kind: 'source-state', source: 0, name: 'etcd', state: 'connecting', error: 'permission denied' },
      samplePass({ outcome: 'waiting', applied: { kind: 'unknown' }, error: 'there is no cache' }),
    );
    expect(current().missing).toEqual([
      'nothing is applied yet: there is no cache; etcd is connecting (permission denied)',
    ]);
  });

  it('is ready once HAProxy runs what was verified, and not while it is away', () => {
    const { tell, current } = keeper(STARTING, { kind: 'started' });
    tell({ kind: 'haproxy-away', cause: 'no socket' });
    tell(
      samplePass({
        outcome: 'published-waiting',
        applied: { kind: 'unknown' },
        error: 'waiting for HAProxy',
      }),
    );
    expect(current().missing).toEqual([
      'nothing is applied yet: waiting for HAProxy',
      'HAProxy does not answer: no socket',
    ]);
    tell({ kind: 'haproxy-appeared', state: RUNNING });
    tell(samplePass());
    expect(current().missing).toEqual([]);
    tell({ kind: 'haproxy-away', cause: 'gone' });
    expect(current().missing).toEqual(['HAProxy does not answer: gone']);
    tell({ kind: 'haproxy-appeared', state: RUNNING });
    expect(current().missing).toEqual([]);
  });

  it('is not ready while HAProxy runs another text than the verified one', () => {
    const { tell, current } = keeper(STARTING, { kind: 'haproxy-appeared', state: RUNNING }, samplePass());
    tell({ kind: 'haproxy-drift', expected: '2123456789abcdef', found: null });
    expect(current().missing).toEqual([
      'HAProxy runs a text without a mark and not the verified 2123456789abcdef',
    ]);
  });

  it('stays ready while a pass goes on that has changed servers already', () => {
    const { tell, current } = keeper(STARTING, { kind: 'haproxy-appeared', state: RUNNING }, samplePass());
    tell({ kind: 'haproxy-changed', state: { ...RUNNING, mark: 'ahead' }, verified: 'ahead' });
    expect(current()).toMatchObject({ missing: [], applied: { kind: 'verified', hash: 'ahead' } });
    tell({ kind: 'haproxy-changed', state: { ...RUNNING, mark: "somebody's" } });
    expect(current().missing).toEqual(["HAProxy runs somebody's and not the verified ahead"]);
  });

  it('names the pass that changed servers as the last one that applied something', () => {
    const { tell, current } = keeper(STARTING, { kind: 'haproxy-appeared', state: RUNNING }, samplePass());
    tell({ kind: 'haproxy-changed', state: { ...RUNNING, mark: 'new' }, verified: 'new' });
    tell(samplePass({ outcome: 'runtime', steps: { apply: 2 }, applied: { kind: 'verified', hash: 'new' } }));
    expect(current().lastApply).toMatchObject({ outcome: 'runtime' });
  });

  it('stays ready while a newer configuration is refused', () => {
    const { tell, current } = keeper(STARTING, { kind: 'haproxy-appeared', state: RUNNING }, samplePass());
    tell(samplePass({ outcome: 'refused', pending: 'ffff', error: 'refused' }));
    expect(current().missing).toEqual([]);
    expect(current()).toMatchObject({
      pending: 'ffff',
      lastPass: { outcome: 'refused' },
      lastApply: { outcome: 'reloaded' },
      lastError: { event: 'pass' },
    });
  });

  it('is ready in modes that cannot be asked, and in mode none', () => {
    for (const kind of ['unverified', 'file'] as const) {
      expect(keeper(STARTING, samplePass({ applied: { kind, hash: 'ab' } })).current().missing).toEqual([]);
    }
  });

  it('is not ready while it stops', () => {
    const { tell, current } = keeper(STARTING, samplePass());
    tell({ kind: 'stopping', cause: 'SIGTERM' });
    expect(current()).toMatchObject({ life: 'stopping', missing: ['Pointsman is stopping'] });
  });

  it('keeps state and age of each source', () => {
    const { tell, current } = keeper(STARTING);
    tell({ kind: 'source-state', source: 0, name: 'etcd', state: 'live', error: null }, 2000);
    tell(
      { kind: 'source-data', source: 0, name: 'etcd', what: 'snapshot', changed: 9, keys: 9, revision: '42' },
      3000,
    );
    tell({ kind: 'source-state', source: 0, name: 'etcd', state: 'stale', error: 'no answer' }, 4000);
    tell({ kind: 'source-state', source: 0, name: 'etcd', state: 'stale', error: 'refused' }, 5000);
    expect(current().sources).toEqual([
      {
        name: 'etcd',
        state: 'stale',
        error: 'refused',
        refused: [],
        since: 4000,
        lastData: 3000,
        keys: 9,
        revision: '42',
      },
      {
        name: 'file a',
        state: 'connecting',
        error: null,
        refused: [],
        since: 1000,
        lastData: null,
        keys: 0,
        revision: null,
      },
    ]);
  });

  it('keeps the rejected keys until they are gone', () => {
    const rejected = ['/a', '/b'].map((key) => ({ key, value: '', reason: 'r' }));
    const { tell, current } = keeper(STARTING, { kind: 'keys-rejected', rejected });
    tell({ kind: 'keys-rejected', rejected: [{ key: '/a', value: '', reason: 'another' }] });
    tell({ kind: 'rejections-gone', keys: ['/b'] });
    expect([...current().rejected.values()]).toEqual([{ key: '/a', value: '', reason: 'another' }]);
  });

  it('says that a broken template is what is missing, until it is mended', () => {
    const { tell, current } = keeper(STARTING, { kind: 'template-error', message: 't.njk:3: unknown name' });
    expect(current().missing).toEqual(['nothing is applied yet: t.njk:3: unknown name']);
    tell({ kind: 'template-mended' });
    expect(current().template.error).toBeNull();
  });
});
