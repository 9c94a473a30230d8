import { describe, expect, test } from 'vitest';
import { decideKey, type KeyFacts } from '../../src/announce/decide-key.ts';
import type { StoredKey } from '../../src/announce/etcd-messages.ts';

const OWNER = 'machine/web';
const VALUE = JSON.stringify({ host: '10.0.0.1', port: 1, meta: { owner: OWNER } });
const OTHERS = JSON.stringify({ host: '10.0.0.1', port: 1, meta: { owner: 'machine/other' } });
const EARLIER = JSON.stringify({ host: '10.0.0.1', port: 2, meta: { owner: OWNER } });

const stored = (more: Partial<StoredKey> = {}): StoredKey => ({
  key: '/services/web/i',
  value: VALUE,
  modified: 10n,
  lease: '7',
  ...more,
});
const decide = (more: Partial<KeyFacts> = {}) =>
  decideKey({
    wanted: { value: VALUE, owner: OWNER },
    found: null,
    lease: '7',
    own: null,
    formerLease: null,
    adopt: false,
    ...more,
  });
const own = (revision: bigint, ...values: string[]) => ({ revision, values: new Set(values) });

describe('a key that is wanted', () => {
  test.each<[string, Partial<KeyFacts>, object]>([
    ['is put where it is not there', {}, { kind: 'put', why: 'new' }],
    ['is put again where it was there', { own: own(5n, VALUE) }, { kind: 'put', why: 'gone' }],
    ['stands where it is as wanted under our lease', { found: stored() }, { kind: 'stands' }],
    [
      'is taken over from an earlier life of its owner, under whatever lease',
      { found: stored({ lease: '6' }) },
      { kind: 'put', why: 'taken over' },
    ],
    [
      'is put where it says what we said before',
      { found: stored({ value: EARLIER }), own: own(10n, EARLIER) },
      { kind: 'put', why: 'changed' },
    ],
    [
      'is put where what we sent arrived and its answer did not',
      { found: stored({ value: EARLIER, modified: 12n }), own: own(10n, VALUE, EARLIER) },
      { kind: 'put', why: 'changed' },
    ],
    [
      'is put back where a person edited it, who gives it no lease',
      { found: stored({ value: EARLIER, modified: 12n, lease: '0' }), own: own(10n, VALUE) },
      { kind: 'put', why: 'changed' },
    ],
    [
      'is left to a newer partner of the same owner, with a lease of its own',
      { found: stored({ modified: 12n, lease: '8' }), own: own(10n, VALUE) },
      { kind: 'leave', who: expect.stringContaining('newer partner') },
    ],
    [
      'is left to one that shares our lease and says something else',
      { found: stored({ value: EARLIER, modified: 12n }), own: own(10n, VALUE) },
      { kind: 'leave', who: expect.stringContaining('newer partner') },
    ],
    [
      'is put where a store that went back has an old state of it',
      { found: stored({ modified: 4n, lease: '6' }), own: own(10n, VALUE) },
      { kind: 'put', why: 'changed' },
    ],
    [
      "is another owner's",
      { found: stored({ value: OTHERS }) },
      { kind: 'leave', who: 'the owner machine/other' },
    ],
    [
      "is another owner's without a lease, with adopt too",
      { found: stored({ value: OTHERS, lease: '0' }), adopt: true },
      { kind: 'leave', who: 'the owner machine/other' },
    ],
    [
      "is nobody's, and is left",
      { found: stored({ value: '10.0.0.1:1', lease: '0' }) },
      { kind: 'leave', hint: expect.stringContaining('--adopt') },
    ],
    [
      "is nobody's, and is adopted",
      { found: stored({ value: '10.0.0.1:1', lease: '0' }), adopt: true },
      { kind: 'put', why: 'adopted' },
    ],
    [
      'is under a lease without an owner: somebody keeps it alive',
      { found: stored({ value: '10.0.0.1:1', lease: '9' }), adopt: true },
      { kind: 'leave', who: 'a key under a lease that says no owner' },
    ],
    [
      'is no JSON that says an owner',
      { found: stored({ value: '{"meta":{"owner":7}}', lease: '9' }) },
      { kind: 'leave' },
    ],
  ])('%s', (_, facts, action) => {
    expect(decide(facts)).toMatchObject(action);
  });
});

describe('a key that is not wanted', () => {
  test.each<[string, Partial<KeyFacts>, object]>([
    ['is deleted where we wrote it', { found: stored(), own: own(10n, VALUE) }, { kind: 'delete' }],
    ['is deleted where an earlier life left it under this lease', { found: stored() }, { kind: 'delete' }],
    [
      'is deleted where an earlier life left it under another one',
      { found: stored({ lease: '6' }), formerLease: '6' },
      { kind: 'delete' },
    ],
    ['is gone where it is not there', { own: own(10n, VALUE) }, { kind: 'gone' }],
    [
      'is let be where it is under another lease',
      { found: stored({ lease: '8' }), own: own(10n, VALUE) },
      { kind: 'gone' },
    ],
    [
      'is let be where another one with our lease wrote it',
      { found: stored({ value: EARLIER, modified: 12n }), own: own(10n, VALUE) },
      { kind: 'gone' },
    ],
  ])('%s', (_, facts, action) => {
    expect(decide({ ...facts, wanted: null })).toEqual(action);
  });
});
