import type { Container } from '../../../src/announce/docker/engine-answers.ts';

/** A container that runs, as the engine says it. */
export function container(of: Partial<Container> = {}): Container {
  return {
    id: 'c1',
    name: 'web',
    image: 'web:git-1a2b3c4',
    labels: {},
    env: {},
    state: 'running',
    startedAt: '2026-01-02T03:04:05.6Z',
    health: 'none',
    stopSignal: 'SIGTERM',
    stopTimeout: 10,
    network: { kind: 'own' },
    bindings: [],
    ...of,
  };
}
