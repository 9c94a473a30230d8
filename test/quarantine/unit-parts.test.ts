import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { entriesWith, orderedParts, splitChanges } from '../../src/quarantine/unit-parts.ts';
import { type Entries, type Unit, unitOf } from '../../src/tree/unit.ts';
import { lastGoodForm, movedForm } from '../../src/tree/unit-forms.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const { grammar } = OPTIONS;
const of = (...entries: Entry[]): Entries =>
  new Map(entries.map((one) => [one.key, ReadEntry.of(one, grammar)]));
const values = (entries: Entries) => Object.fromEntries([...entries.values()].map((e) => [e.key, e.value]));
const unitAt = (key: string): Unit => unitOf(ReadEntry.of(entry(key, 'x'), grammar));
const WEB = unitAt('/services/web/a');
const at = (id: string) => `/services/web/${id}`;

describe('unitOf()', () => {
  test('puts the instances of a service together, and lets its route and free keys stand alone', () => {
    const ids = ['/services/web/a', '/services/web/b', '/routes/web', '/haproxy/x', '/services/web'].map(
      (key) => unitAt(key).id,
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
    expect(values(movedForm({ unit: WEB, good, goal }, grammar))).toEqual({
      [at('moves')]: '{"host":"10.0.0.9","port":81,"maxconn":9,"opt":"ok"}',
      [at('drains')]: '{"host":"10.0.0.3","port":80,"drain":true}',
      [at('stays')]: '{"host":"10.0.0.4","port":80,"opt":"ok"}',
    });
  });

  test('gives a newcomer the form of its siblings at its own address, also when all of them are gone', () => {
    const good = of(entry(at('old'), { host: '10.0.0.1', port: 80, opt: 'ok' }));
    const goal = of(entry(at('new'), { host: '10.0.0.2', port: 80, opt: 'bad' }, 7));
    const moved = movedForm({ unit: WEB, good, goal }, grammar);
    expect(values(moved)).toEqual({ [at('new')]: '{"host":"10.0.0.2","port":80,"opt":"ok"}' });
    expect(moved.get(at('new'))?.modified).toBe(7n);
  });

  test('leaves a service without a last good form out', () => {
    expect(
      movedForm({ unit: WEB, good: new Map(), goal: of(entry(at('a'), '10.0.0.1:80')) }, grammar).size,
    ).toBe(0);
  });
});

describe('lastGoodForm()', () => {
  test('gives an address up that is not registered any more: any live key that claims it is newer', () => {
    const good = of(entry(at('gone'), '10.0.0.1:80', 50), entry(at('stays'), '10.0.0.2:80', 51));
    const goal = of(entry(at('stays'), { host: '10.0.0.2', port: 80, opt: 'bad' }, 60));
    const held = lastGoodForm({ unit: WEB, good, goal }, grammar);
    expect(held.get(at('gone'))).toMatchObject({ value: '10.0.0.1:80', source: 0, modified: 0n });
    expect(held.get(at('stays'))).toMatchObject({ value: '10.0.0.2:80', modified: 60n });
  });
});

describe('splitChanges()', () => {
  const route = unitAt('/routes/web');

  test('takes what moves first and the rest only with it', () => {
    const good = of(entry(at('a'), { host: '10.0.0.1', port: 80, opt: 'ok' }));
    const goal = of(entry(at('a'), { host: '10.0.0.2', port: 80, opt: 'bad' }));
    const changes = splitChanges([{ unit: WEB, good, goal }], grammar);
    expect(orderedParts(changes).map(({ id, needs }) => [id, needs])).toEqual([
      ['instances of web: moves', null],
      ['instances of web: goal', 'instances of web: moves'],
    ]);
    const [change] = changes;
    if (!change) {
      throw new Error('no change');
    }
    expect(values(entriesWith(change, new Set(['instances of web: goal'])))).toEqual(values(good));
    expect(values(entriesWith(change, new Set(['instances of web: moves'])))[at('a')]).toContain('10.0.0.2');
  });

  test('takes a new service instance by instance, and only with its new route', () => {
    const goal = of(entry(at('a'), '10.0.0.1:80'), entry(at('b'), '10.0.0.2:80'));
    const changes = splitChanges(
      [
        { unit: WEB, good: new Map(), goal },
        { unit: route, good: new Map(), goal: of(entry('/routes/web', '{"mode":"tcp","port":7000}')) },
      ],
      grammar,
    );
    expect(orderedParts(changes).map(({ id, needs }) => [id, needs])).toEqual([
      ['route of web: goal', null],
      [`instance ${at('a')}`, 'route of web: goal'],
      [`instance ${at('b')}`, 'route of web: goal'],
    ]);
    const [change] = changes;
    if (!change) {
      throw new Error('no change');
    }
    expect(entriesWith(change, new Set([`instance ${at('a')}`])).size).toBe(0);
    expect(entriesWith(change, new Set(['route of web: goal', `instance ${at('a')}`])).size).toBe(1);
  });
});
