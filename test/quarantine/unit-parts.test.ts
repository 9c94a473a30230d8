import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { heldForm, movedForm } from '../../src/quarantine/forms.ts';
import { readShelf, writeShelf } from '../../src/quarantine/record.ts';
import { type Entries, type Unit, unitOf } from '../../src/quarantine/unit.ts';
import { entriesWith, orderedParts, plansOf } from '../../src/quarantine/unit-parts.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const of = (...entries: Entry[]): Entries => new Map(entries.map((one) => [one.key, one]));
const values = (entries: Entries) => Object.fromEntries([...entries.values()].map((e) => [e.key, e.value]));
const WEB: Unit = unitOf('/services/web/a', OPTIONS.prefixes);
const at = (id: string) => `/services/web/${id}`;

describe('unitOf()', () => {
  test('puts the instances of a service together, and lets its route and free keys stand alone', () => {
    const ids = ['/services/web/a', '/services/web/b', '/routes/web', '/haproxy/x', '/services/web'].map(
      (key) => unitOf(key, OPTIONS.prefixes).id,
    );
    expect(ids).toEqual([
      'instances of web',
      'instances of web',
      'route of web',
      'key /haproxy/x',
      'key /services/web',
    ]);
  });
});

describe('movedForm()', () => {
  test('lets removals, drains and new addresses through, and keeps all else as it was', () => {
    const good = of(
      entry(at('gone'), '10.0.0.1:80'),
      entry(at('moves'), { host: '10.0.0.2', port: 80, maxconn: 9, opt: 'ok' }),
      entry(at('drains'), '10.0.0.3:80'),
      entry(at('stays'), { host: '10.0.0.4', port: 80, opt: 'ok' }),
    );
    const goal = of(
      entry(at('moves'), { host: '10.0.0.9', port: 81, maxconn: 1, opt: 'bad' }),
      entry(at('drains'), { host: '10.0.0.3', port: 80, drain: true, opt: 'bad' }),
      entry(at('stays'), { host: '10.0.0.4', port: 80, opt: 'bad' }),
    );
    expect(values(movedForm(WEB, good, goal))).toEqual({
      [at('moves')]: '{"host":"10.0.0.9","port":81,"maxconn":9,"opt":"ok"}',
      [at('drains')]: '{"host":"10.0.0.3","port":80,"drain":true}',
      [at('stays')]: '{"host":"10.0.0.4","port":80,"opt":"ok"}',
    });
  });

  test('gives a newcomer the form of its siblings at its own address, also when all of them are gone', () => {
    const good = of(entry(at('old'), { host: '10.0.0.1', port: 80, opt: 'ok' }));
    const goal = of(entry(at('new'), { host: '10.0.0.2', port: 80, opt: 'bad' }, 7));
    const moved = movedForm(WEB, good, goal);
    expect(values(moved)).toEqual({ [at('new')]: '{"host":"10.0.0.2","port":80,"opt":"ok"}' });
    expect(moved.get(at('new'))?.modified).toBe(7n);
  });

  test('leaves a service without a last good form out', () => {
    expect(movedForm(WEB, new Map(), of(entry(at('a'), '10.0.0.1:80'))).size).toBe(0);
  });
});

describe('heldForm()', () => {
  test('gives an address up that is not registered any more: any live key that claims it is newer', () => {
    const good = of(entry(at('gone'), '10.0.0.1:80', 50), entry(at('stays'), '10.0.0.2:80', 51));
    const held = heldForm(WEB, good, of(entry(at('stays'), { host: '10.0.0.2', port: 80, opt: 'bad' }, 60)));
    expect(held.get(at('gone'))).toMatchObject({ value: '10.0.0.1:80', source: 0, modified: 0n });
    expect(held.get(at('stays'))).toMatchObject({ value: '10.0.0.2:80', modified: 60n });
  });
});

describe('plansOf()', () => {
  const route = unitOf('/routes/web', OPTIONS.prefixes);

  test('takes what moves first and the rest only with it', () => {
    const good = of(entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'ok' }));
    const goal = of(entry(at('a'), { host: '10.0.0.2', port: 80, opt: 'bad' }));
    const plans = plansOf([{ unit: WEB, good, goal }]);
    expect(orderedParts(plans).map(({ id, needs }) => [id, needs])).toEqual([
      ['instances of web: moves', null],
      ['instances of web: goal', 'instances of web: moves'],
    ]);
    const [plan] = plans;
    if (!plan) {
      throw new Error('no plan');
    }
    expect(values(entriesWith(plan, new Set(['instances of web: goal'])))).toEqual(values(good));
    expect(values(entriesWith(plan, new Set(['instances of web: moves'])))[at('a')]).toContain('10.0.0.2');
  });

  test('takes a new service instance by instance, and only with its new route', () => {
    const goal = of(entry(at('a'), '10.0.0.1:80'), entry(at('b'), '10.0.0.2:80'));
    const plans = plansOf([
      { unit: WEB, good: new Map(), goal },
      { unit: route, good: new Map(), goal: of(entry('/routes/web', '{"mode":"tcp","port":7000}')) },
    ]);
    expect(orderedParts(plans).map(({ id, needs }) => [id, needs])).toEqual([
      ['route of web: goal', null],
      [`instance ${at('a')}`, 'route of web: goal'],
      [`instance ${at('b')}`, 'route of web: goal'],
    ]);
    const [plan] = plans;
    if (!plan) {
      throw new Error('no plan');
    }
    expect(entriesWith(plan, new Set([`instance ${at('a')}`])).size).toBe(0);
    expect(entriesWith(plan, new Set(['route of web: goal', `instance ${at('a')}`])).size).toBe(1);
  });
});

describe('the record of what is set aside', () => {
  test('reads back what was written, and nothing that is not whole', () => {
    const good = of(entry(at('a'), '10.0.0.1:80', 12));
    const text = writeShelf([{ unit: WEB, good, reason: 'unknown keyword', since: 5 }]);
    expect(readShelf(text)).toEqual([{ unit: WEB, good, reason: 'unknown keyword', since: 5 }]);
    expect(readShelf(text.slice(0, -9))).toBeNull();
    expect(readShelf('{"version":99,"units":[]}')).toBeNull();
    expect(readShelf('{"version":1,"units":[{"kind":"odd"}]}')).toBeNull();
  });
});
