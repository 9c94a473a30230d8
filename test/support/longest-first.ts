import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The test files that take longest, in the order in which they begin: begun late, the last of them would run alone, since vitest
 * knows no times on a fresh clone and begins with the largest. What takes the processor stands between what waits.
 */
export const LONG_FILES: readonly string[] = [
  'container/container',
  'examples/compose-run',
  'examples/build',
  'drills/quarantine',
  'drills/guard',
  'drills/announce',
  'cluster/cluster',
  'attack/attack',
  'integration/runtime',
  'commands/render',
  'integration/layers',
  'integration/taken-port',
  'integration/set-by-hand',
  'drills/cache',
  'haproxy/control-managed',
  'sources/etcd-source',
  'integration/traffic',
  'haproxy/control-signal',
  'simulation/seeds-1',
  'haproxy/control-master-socket',
  'render/linear',
  'integration/pause',
  'simulation/seeds-2',
  'integration/every-event',
  'secrets/secrets',
  'drills/upgrade',
  'drills/crash',
  'drills/reload',
  'drills/runtime',
  'drills/etcd',
  'simulation/seeds-3',
  'drills/drift',
  'sources/etcd-proxy',
  'sources/etcd-trouble',
  'integration/half-written-file',
  'simulation/seeds-4',
  'integration/several-files',
  'packaged-template/traffic',
  'examples/patroni',
  'integration/kept',
  'integration/huge-route',
  'drills/reload-streams',
  'drills/etcd-3.5',
];

/** Has the files that take longest begin first, and all others as vitest would have it. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const turn = new Map(LONG_FILES.map((name, at) => [name, at]));
    const turnOf = ({ moduleId }: TestSpecification) =>
      turn.get(/\/test\/(.+)\.test\.ts$/.exec(moduleId)?.[1] ?? '') ?? turn.size;
    return (await super.sort(files)).toSorted((one, other) => turnOf(one) - turnOf(other));
  }
}
