import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome, PointsmanEvent } from '../../src/events.ts';
import { limitRate } from '../../src/status/rate-limit.ts';
import { samplePass } from './sample-pass.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function collect() {
  const seen: [PointsmanEvent, number][] = [];
  return { seen, lines: limitRate((event, leftOut) => seen.push([event, leftOut])) };
}

function stopping(cause: string): PointsmanEvent {
  return { kind: 'stopping', cause };
}

describe('limitRate()', () => {
  it('writes the first at once and the last of a burst after a second, with the count of those left out', () => {
    const { seen, lines } = collect();
    for (let i = 1; i <= 10; i++) {
      lines.listener(stopping(`${i}`));
    }
    expect(seen).toEqual([[stopping('1'), 0]]);
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual([
      [stopping('1'), 0],
      [stopping('10'), 8],
    ]);
    vi.advanceTimersByTime(60_000);
    expect(seen).toHaveLength(2);
  });

  it('writes at most once a second however long a burst lasts, and loses no count', () => {
    const { seen, lines } = collect();
    for (let i = 0; i < 100; i++) {
      lines.listener(stopping(`${i}`));
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(1000);
    expect(seen.length).toBeLessThanOrEqual(11);
    expect(seen.length + seen.reduce((sum, [, leftOut]) => sum + leftOut, 0)).toBe(100);
    expect(seen.at(-1)?.[0]).toEqual(stopping('99'));
  });

  it('writes what waits before what made it untrue, so that the last line is the last state', () => {
    const { seen, lines } = collect();
    const pass = (outcome: Outcome, ms: number): PointsmanEvent => ({ ...samplePass(), outcome, ms });
    lines.listener(pass('waiting', 1));
    lines.listener(pass('waiting', 2));
    lines.listener(pass('unchanged', 3));
    lines.listener({ kind: 'template-error', message: 'x' });
    lines.listener({ kind: 'template-error', message: 'y' });
    lines.listener({ kind: 'template-mended' });
    lines.listener(pass('runtime', 4));
    lines.listener(pass('waiting', 5));
    lines.listener(pass('waiting', 6));
    lines.listener(pass('runtime', 7));
    lines.listener(pass('waiting', 8));
    vi.advanceTimersByTime(5000);
    const passes = seen.flatMap(([event]) => (event.kind === 'pass' ? [event.ms] : []));
    expect(passes).toEqual([1, 2, 3, 4, 7, 8]);
    const templates = seen.flatMap(([event]) =>
      event.kind === 'template-error' ? [event.message] : event.kind === 'template-mended' ? ['mended'] : [],
    );
    expect(templates).toEqual(['x', 'y', 'mended']);
  });

  it('stays at about one line a second and kind while kinds take turns', () => {
    const { seen, lines } = collect();
    const pass = (outcome: Outcome): PointsmanEvent => ({ ...samplePass(), outcome });
    for (let i = 0; i < 500; i++) {
      lines.listener(pass(i % 2 === 0 ? 'runtime' : 'unchanged'));
      vi.advanceTimersByTime(20);
    }
    expect(seen.length).toBeLessThan(30);
  });

  it('does not hold back one kind for another, nor one source for another', () => {
    const { seen, lines } = collect();
    const state = (source: number): PointsmanEvent => ({
      kind: 'source-state',
      source,
      name: `s${source}`,
      state: 'live',
      error: null,
    });
    lines.listener(stopping('x'));
    lines.listener({ kind: 'started' });
    lines.listener(state(0));
    lines.listener(state(1));
    expect(seen).toHaveLength(4);
  });

  it('is quick again after a quiet second', () => {
    const { seen, lines } = collect();
    lines.listener(stopping('1'));
    vi.advanceTimersByTime(1001);
    lines.listener(stopping('2'));
    expect(seen).toHaveLength(2);
  });

  it('loses no rejected key and no line of HAProxy', () => {
    const { seen, lines } = collect();
    const key = (name: string) => ({ key: name, value: '', reason: 'r' });
    for (const name of ['/a', '/b', '/c']) {
      lines.listener({ kind: 'keys-rejected', rejected: [key(name)] });
    }
    for (const name of ['/a', '/b', '/c']) {
      lines.listener({ kind: 'rejections-gone', keys: [name] });
    }
    for (const line of ['1', '2', '3']) {
      lines.listener({ kind: 'haproxy-log', line });
    }
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual([
      [{ kind: 'keys-rejected', rejected: [key('/a')] }, 0],
      [{ kind: 'keys-rejected', rejected: [key('/b'), key('/c')] }, 0],
      [{ kind: 'rejections-gone', keys: ['/a'] }, 0],
      [{ kind: 'haproxy-log', line: '1' }, 0],
      [{ kind: 'rejections-gone', keys: ['/b', '/c'] }, 0],
      [{ kind: 'haproxy-log', line: '2\n3' }, 0],
    ]);
  });

  it('loses no key that is kept, and none that is not any more', () => {
    const { seen, lines } = collect();
    const kept = (key: string) => ({ key, by: 'grammar', reason: 'r', since: 1, form: 'f' }) as const;
    for (const name of ['/a', '/b', '/c']) {
      lines.listener({ kind: 'keys-kept', kept: [kept(name)] });
    }
    vi.advanceTimersByTime(1000);
    for (const name of ['/a', '/b', '/c']) {
      lines.listener({ kind: 'kept-over', keys: [name] });
    }
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual([
      [{ kind: 'keys-kept', kept: [kept('/a')] }, 0],
      [{ kind: 'keys-kept', kept: [kept('/b'), kept('/c')] }, 0],
      [{ kind: 'kept-over', keys: ['/a'] }, 0],
      [{ kind: 'kept-over', keys: ['/b', '/c'] }, 0],
    ]);
  });

  it('writes what still waits when it is disposed, and then holds no timer', () => {
    const { seen, lines } = collect();
    lines.listener(stopping('1'));
    lines.listener(stopping('2'));
    lines[Symbol.dispose]();
    expect(seen.at(-1)).toEqual([stopping('2'), 0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes nothing of before behind the end', () => {
    const { seen, lines } = collect();
    for (const ms of [1, 2, 3]) {
      lines.listener({ ...samplePass(), ms });
    }
    lines.listener({ kind: 'stopped' });
    lines[Symbol.dispose]();
    expect(seen.map(([event]) => (event.kind === 'pass' ? event.ms : event.kind))).toEqual([1, 3, 'stopped']);
  });
});
