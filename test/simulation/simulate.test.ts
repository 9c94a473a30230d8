import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/ports/clock.ts';
import { Random } from './random.ts';
import { simulate } from './simulate.ts';
import { VirtualTime, WORLD } from './virtual-time.ts';

async function story(seed: number): Promise<readonly string[]> {
  const lines: string[] = [];
  await simulate({ seed, tell: (line) => lines.push(line) });
  return lines;
}

describe('simulate()', () => {
  test('tells the same story for the same seed, whatever was simulated before', async () => {
    for (const seed of [3, 16, 35, 68, 1001]) {
      const first = await story(seed);
      await simulate({ seed: seed + 1 });
      expect(await story(seed)).toEqual(first);
      expect(first.length).toBeGreaterThan(20);
    }
  });

  test('tells another story for another seed', async () => {
    expect(await story(1)).not.toEqual(await story(2));
  });
});

describe('VirtualTime', () => {
  test('lets those that are due go in the order of their time, and then of their turn', async () => {
    const time = new VirtualTime();
    const gone: string[] = [];
    time.after(20, () => gone.push('c'));
    time.after(10, () => gone.push('a'));
    time.after(10, () => gone.push('b'));
    const cancel = time.after(15, () => gone.push('never'));
    cancel();
    time.after(5, () => gone.push('dead'), { isAlive: false });
    await time.pass(100);
    expect(gone).toEqual(['a', 'b', 'c']);
    expect(time.now).toBe(100);
  });

  test('goes no further than it is told', async () => {
    const time = new VirtualTime();
    let gone = false;
    time.after(101, () => {
      gone = true;
    });
    await time.pass(100);
    expect(gone).toBe(false);
    await time.pass(101);
    expect(gone).toBe(true);
  });
});

describe('work that lets no time pass', () => {
  test.each([
    ['looks at the clock', (clock: Clock) => Promise.resolve(clock.now())],
    ['timers', (clock: Clock) => clock.breathe()],
  ])('is told: %s', async (_, work) => {
    const time = new VirtualTime();
    let isStuck = false;
    time.onStuck = () => {
      isStuck = true;
    };
    const clock = time.clockOf(() => WORLD);
    const busy = async () => {
      while (!isStuck) {
        await work(clock);
      }
    };
    time.after(10, () => void busy().catch(() => {}));
    await time.pass(20, () => isStuck);
    expect([isStuck, time.now]).toEqual([true, 10]);
  });

  test('is none where time passes', async () => {
    const time = new VirtualTime();
    time.onStuck = () => expect.unreachable();
    const clock = time.clockOf(() => WORLD);
    for (let ms = 1; ms <= 20_000; ms++) {
      time.after(ms, () => clock.now());
    }
    await time.pass(20_000);
    expect(time.now).toBe(20_000);
  });
});

describe('Random', () => {
  test('gives the same numbers for the same seed, and others for each stream', () => {
    const numbers = (random: Random) => Array.from({ length: 20 }, () => random.whole(1, 6));
    expect(numbers(new Random('1'))).toEqual(numbers(new Random('1')));
    expect(numbers(new Random('1').stream('a'))).not.toEqual(numbers(new Random('1').stream('b')));
    expect(new Set(numbers(new Random('7')))).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  });
});
