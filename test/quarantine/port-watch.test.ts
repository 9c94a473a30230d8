import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RefusedBy } from '../../src/ports/judge.ts';
import { PortWatch } from '../../src/quarantine/port-watch.ts';
import type { Refused } from '../../src/tree/refusals.ts';

const NOTHING = new Map();

function refused(name: string, by: RefusedBy, since = 1): Refused {
  const unit = { id: `route of ${name}`, kind: 'route', name } as const;
  return {
    ...{ unit, by, since, reason: 'it is taken', binds: [`bind :${name}`] },
    ...{ good: NOTHING, believed: NOTHING, served: NOTHING },
  };
}

/** Looks at these units, where somebody holds these ports; null where that cannot be seen. */
function setUp() {
  const asked: (readonly string[])[] = [];
  let held: ReadonlySet<string> | null = new Set();
  const watch = new PortWatch(async (binds) => {
    asked.push(binds);
    return held;
  });
  return {
    asked,
    async look(units: readonly Refused[], ports: readonly string[] | null) {
      held = ports && new Set(ports.map((port) => `bind :${port}`));
      vi.advanceTimersByTime(5000);
      return [...(await watch.look(units))];
    },
  };
}

describe('PortWatch', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('what the preflight refused is tried as soon as its port is free, and again while it is', async () => {
    const { look } = setUp();
    const units = [refused('1', 'preflight'), refused('2', 'preflight')];
    expect(await look(units, ['1', '2'])).toEqual([]);
    expect(await look(units, ['2'])).toEqual(['route of 1']);
    expect(await look(units, ['2'])).toEqual(['route of 1']);
    expect(await look(units, null)).toEqual([]);
  });

  test('what a reload failed over is tried where its port was seen taken first, and never blindly', async () => {
    const { look, asked } = setUp();
    const units = [refused('1', 'reload'), refused('2', 'reload')];
    expect(await look(units, ['1'])).toEqual([]);
    expect(await look(units, [])).toEqual(['route of 1']);
    expect(await look(units, ['2'])).toEqual(['route of 1']);
    expect(await look(units, [])).toEqual(['route of 1']);
    expect(asked.at(-1)).toEqual(['bind :1']);
    // It was let out, and the next reload failed as well: what was seen before says nothing of that.
    const anew = [refused('1', 'reload', 2)];
    expect(await look(anew, [])).toEqual([]);
    expect(await look(anew, [])).toEqual([]);
  });

  test('asks nobody where nothing is set aside over a port', async () => {
    const { look, asked } = setUp();
    expect(await look([], [])).toEqual([]);
    expect(await look([{ ...refused('1', 'check'), binds: [] }], [])).toEqual([]);
    expect(asked).toEqual([]);
  });
});
