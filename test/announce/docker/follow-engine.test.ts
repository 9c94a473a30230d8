import { afterEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/announce/docker/engine.ts';
import { followEngine, type Selection } from '../../../src/announce/docker/follow-engine.ts';
import { waitFor } from '../../support/haproxy.ts';
import { at, LossyEngine } from './lossy-engine.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    await end();
  }
});

const ALL: Selection = { kind: 'all', mayAsk: ({ no }) => no === undefined };

/** Follows; gives what was told, each as `name:port` of all that run, or as the word of what happened. */
function follow(engine: Engine, options: { selection?: Selection; listEvery?: number } = {}) {
  const { selection = ALL, listEvery = 60_000 } = options;
  const told: string[] = [];
  const end = new AbortController();
  const running = followEngine(
    {
      engine,
      selection,
      listEvery,
      listener: {
        containers: (all) =>
          told.push(all.map(({ name, bindings }) => `${name}:${bindings[0]?.host}`).join(' ')),
        ending: ({ name }, signal) => told.push(`${name} gets ${signal}`),
        away: () => told.push('away'),
        here: () => told.push('here'),
      },
    },
    end.signal,
  );
  ends.push(async () => {
    end.abort();
    await running;
  });
  return told;
}

describe('followEngine()', () => {
  test('tells everything that runs at once, and then each change', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1));
    engine.set(at('b', 2));
    engine.set(at('asleep', 3, { state: 'paused' }));
    engine.set(at('other', 4, { labels: { no: 'x' } }));
    const told = follow(engine);
    await waitFor(() => told.length === 2);
    expect(told).toEqual(['here', 'a:1 b:2']);
    engine.set(at('a', 5, { startedAt: 'later' }));
    engine.tell('start', 'a');
    engine.containers.delete('b');
    engine.tell('die', 'b');
    engine.tell('start', 'other');
    await waitFor(() => told.at(-1) === 'a:5');
    expect(engine.inspected.filter((id) => id === 'asleep')).toEqual([]);
  });

  test('finds by the next list what no event told, and looks only at what the list shows otherwise', async () => {
    const engine = new LossyEngine();
    for (const id of ['a', 'b', 'c']) {
      engine.set(at(id, 1));
    }
    const told = follow(engine, { listEvery: 20 });
    await waitFor(() => told.at(-1) === 'a:1 b:1 c:1');
    engine.inspected.length = 0;
    engine.containers.delete('a');
    engine.set(at('b', 2));
    engine.set(at('d', 3));
    await waitFor(() => told.at(-1) === 'b:2 c:1 d:3');
    expect([...new Set(engine.inspected)].sort()).toEqual(['a', 'b', 'd']);
    expect(engine.inspected).toHaveLength(3);
  });

  test('while the engine is away nothing is said to be gone; what changed meanwhile is told when it is back', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1));
    engine.set(at('b', 2));
    const told = follow(engine);
    await waitFor(() => told.at(-1) === 'a:1 b:2');
    engine.isAway = true;
    engine.restart();
    await waitFor(() => told.filter((word) => word === 'away').length >= 2);
    engine.containers.delete('b');
    engine.isAway = false;
    await waitFor(() => told.at(-1) === 'a:1');
    expect(told.filter((word) => word !== 'away')).toEqual(['here', 'a:1 b:2', 'here', 'a:1']);
  });

  test('where the engine is away at the start nothing is told but that', async () => {
    const engine = new LossyEngine();
    engine.isAway = true;
    const told = follow(engine);
    await waitFor(() => told.length >= 2);
    expect(new Set(told)).toEqual(new Set(['away']));
    engine.isAway = false;
    await waitFor(() => told.at(-1) === '');
  });

  test('a container that hangs holds up no other, and keeps what was known of it', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1));
    engine.set(at('b', 2));
    const told = follow(engine);
    await waitFor(() => told.at(-1) === 'a:1 b:2');
    engine.hangs.add('a');
    engine.tell('start', 'a');
    engine.set(at('b', 3));
    engine.tell('start', 'b');
    await waitFor(() => told.at(-1) === 'a:1 b:3');
  });

  test('what happens to a container while it is looked at makes it be looked at once more', async () => {
    const engine = new LossyEngine();
    const told = follow(engine);
    await waitFor(() => told.at(-1) === '');
    engine.set(at('a', 1));
    engine.tell('start', 'a');
    engine.tell('kill', 'a', 15);
    engine.tell('pause', 'a');
    engine.tell('unpause', 'a');
    engine.set(at('a', 2));
    engine.tell('start', 'a');
    await waitFor(() => told.at(-1) === 'a:2');
    expect(engine.inspected.filter((id) => id === 'a').length).toBeLessThanOrEqual(3);
  });

  test('the signal that stops a container is told before its end, and no other signal is', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1, { stopSignal: 'SIGQUIT' }));
    const told = follow(engine);
    await waitFor(() => told.at(-1) === 'a:1');
    engine.tell('kill', 'a', 15);
    engine.tell('kill', 'a', null);
    engine.tell('kill', 'a', 3);
    await waitFor(() => told.at(-1) === 'a gets 3');
    engine.containers.delete('a');
    engine.tell('die', 'a');
    await waitFor(() => told.at(-1) === '');
    expect(told).toEqual(['here', 'a:1', 'a gets 3', '']);
  });

  test("a container with another's network has its ports, and follows its restarts", async () => {
    const engine = new LossyEngine();
    engine.set(at('pod', 7, { labels: { no: 'x' } }));
    engine.set(at('a', 0, { bindings: [], network: { kind: 'of', container: 'pod' } }));
    const told = follow(engine);
    await waitFor(() => told.at(-1) === 'a:7');
    engine.set(at('pod', 8, { labels: { no: 'x' } }));
    engine.tell('start', 'pod');
    await waitFor(() => told.at(-1) === 'a:8');
  });

  test('one is followed by its name, whoever has it', async () => {
    const engine = new LossyEngine();
    engine.set(at('first', 1, { name: 'web' }));
    engine.set(at('else', 2));
    const told = follow(engine, { selection: { kind: 'named', name: 'web' } });
    await waitFor(() => told.at(-1) === 'web:1');
    engine.set(at('first', 1, { name: 'old' }));
    engine.tell('rename', 'first');
    await waitFor(() => told.at(-1) === '');
    engine.set(at('second', 3, { name: 'web' }));
    engine.tell('start', 'second');
    await waitFor(() => told.at(-1) === 'web:3');
    expect(told).toEqual(['here', 'web:1', '', 'web:3']);
  });
});
