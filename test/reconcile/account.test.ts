import { expect, test } from 'vitest';
import { Catalog } from '../../src/model/catalog.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { Account, type ChangedKey } from '../../src/reconcile/account.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const OWNED = '{"host":"10.0.0.1","port":80,"meta":{"owner":"m1/web"}}';

function setUp() {
  const [account, catalog] = [new Account(), new Catalog(OPTIONS)];
  const put = (key: string, value = '10.0.0.9:80', revision = 5n, at = 0) => {
    const read = ReadEntry.of(entry(key, value, 1), OPTIONS.grammar);
    const change: ChangedKey = { kind: 'put', entry: read };
    catalog.apply([change]);
    account.came([change], { revision, at });
  };
  const drew = () => account.drew({ kind: 'tree', catalog, isDoubtful: false });
  return { account, put, drew };
}

test('a pass names the first five keys, how many came, at which revision, and who wrote them', () => {
  const { account, put, drew } = setUp();
  put('/services/web/a', OWNED, 7n);
  for (let at = 0; at < 6; at++) {
    put(`/services/web/b${at}`, `10.0.1.${at}:80`, 8n);
  }
  drew();
  expect(account.tell([]).came).toEqual({
    keys: ['/services/web/a', ...[0, 1, 2, 3].map((at) => `/services/web/b${at}`)],
    count: 7,
    revision: '8',
    by: ['m1/web'],
  });
});

test('the first tree changes nothing: what was before is not known', () => {
  const { account, put, drew } = setUp();
  put('/services/web/a');
  drew();
  expect(account.tell([]).changes).toEqual([]);
});

test('a pass that fails leaves its keys to the next one, and what went out is told no more', () => {
  const { account, put, drew } = setUp();
  put('/services/web/a');
  drew();
  account.wentOut();
  put('/services/web/b', '10.0.0.2:80');
  drew();
  put('/services/web/c', '10.0.0.3:80');
  expect(account.tell([])).toMatchObject({ came: { count: 1 }, changes: ['web: +b'] });
  drew();
  expect(account.tell([])).toMatchObject({ came: { count: 2 }, changes: ['web: +b, +c'] });
  account.wentOut();
  expect(account.tell([])).toMatchObject({ came: { keys: [], count: 0, revision: null }, changes: [] });
});

test('the oldest change that is not out yet says since when; at the start nothing does', () => {
  const { account, put, drew } = setUp();
  put('/services/web/a', OWNED, 7n, 100);
  drew();
  expect(account.since).toBeNull();
  account.wentOut();
  expect(account.since).toBeNull();
  put('/services/web/b', OWNED, 8n, 200);
  put('/services/web/c', OWNED, 9n, 300);
  drew();
  put('/services/web/d', OWNED, 10n, 400);
  expect(account.since).toBe(200);
  drew();
  expect(account.since).toBe(200);
  account.wentOut();
  expect(account.since).toBeNull();
});

test('what comes while a pass is under way belongs to the next one', () => {
  const { account, put, drew } = setUp();
  drew();
  put('/services/web/late');
  account.wentOut();
  drew();
  expect(account.tell([]).came.keys).toEqual(['/services/web/late']);
});

test('a reason for a reload names the key that its section comes from', () => {
  const { account, put, drew } = setUp();
  put('/routes/web', '{"hosts":["w.example"]}');
  put('/services/shop-eu/a', '10.0.0.3:80');
  drew();
  const { reasons } = account.tell([
    'backend be_web, line 12: "option httpchk" is new or changed',
    'backend be_shop-eu: it is new',
    'frontend http, line 3: "acl x" is new or changed',
    'there is no file yet',
  ]);
  expect(reasons).toEqual([
    'backend be_web, line 12: "option httpchk" is new or changed (from /routes/web)',
    'backend be_shop-eu: it is new (from /services/shop-eu/a)',
    'frontend http, line 3: "acl x" is new or changed',
    'there is no file yet',
  ]);
});
