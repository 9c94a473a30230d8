import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { INSTANCE_FIELDS, parseInstance } from '../../src/model/instance-value.ts';
import { CHECK_FIELDS, parseRoute, ROUTE_FIELDS } from '../../src/model/route-value.ts';
import { BALANCE, TIMEOUTS } from '../../src/model/service.ts';
import { catalogOf } from '../support/catalog.ts';
import { makeSite } from '../support/pointsman.ts';

const page = await readFile(new URL('../../docs/keys.md', import.meta.url), 'utf8');

/** The rows of all tables in a section whose first column has this name: their cells without backticks around. */
function rows(section: string, first: string, second: string): string[][] {
  const start = page.indexOf(`\n## ${section}\n`);
  const end = page.indexOf('\n## ', start + 1);
  const found: string[][] = [];
  let wanted = false;
  for (const line of page.slice(start, end === -1 ? undefined : end).split('\n')) {
    if (!line.startsWith('|')) {
      wanted = false;
      continue;
    }
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells[0] === first && cells[1] === second) {
      wanted = true;
    } else if (wanted && !/^-+$/.test(cells[0] ?? '')) {
      found.push(cells.map((cell) => cell.replace(/^`([^`]*)`$/, '$1')));
    }
  }
  expect(found.length, `a table ${first} | ${second} in ${section}`).toBeGreaterThan(0);
  return found;
}

const names = (of: string[][]) => of.map(([name = '']) => name);

describe('docs/keys.md', () => {
  test('lists every field of instances, routes, checks and timeouts, and no other', () => {
    expect(names(rows('Instances', 'Field', 'Default'))).toEqual([...INSTANCE_FIELDS]);
    expect(names(rows('Routes', 'Field', 'Default'))).toEqual([...ROUTE_FIELDS]);
    expect(names(rows('Routes', 'Field of `check`', 'Default'))).toEqual([...CHECK_FIELDS]);
    expect(names(rows('Routes', 'Name in `timeouts`', "HAProxy's"))).toEqual([...TIMEOUTS]);
    const listed = /`balance` is a closed list:\n(.*)\./.exec(page)?.[1] ?? '';
    expect([...listed.matchAll(/`([^`]+)`/g)].map(([, name]) => name)).toEqual([...BALANCE]);
  });

  test('says the default of every field', () => {
    const instance = parseInstance('/services/web/a', 'a', '{"host":"10.0.0.1","port":80}');
    const route = parseRoute('{"check":{}}');
    if (instance.kind === 'bad' || route.kind === 'bad') {
      throw new Error('refused');
    }
    const plain = parseRoute('{}');
    const shown = (of: object, name: string) => JSON.stringify((of as Record<string, unknown>)[name]);
    for (const [name = '', fallback] of rows('Instances', 'Field', 'Default')) {
      if (name !== 'host' && name !== 'port') {
        expect(fallback, name).toBe(shown(instance.value, name));
      }
    }
    for (const [name = '', fallback] of rows('Routes', 'Field', 'Default')) {
      expect(fallback, name).toBe(plain.kind === 'good' ? shown(plain.value, name) : '');
    }
    for (const [name = '', fallback] of rows('Routes', 'Field of `check`', 'Default')) {
      expect(fallback, name).toBe(shown(route.value.check ?? {}, name));
    }
  });

  test.each(rows('Names', 'Key', 'Result'))('the key %s is: %s', (key = '', result = '') => {
    const catalog = catalogOf({ [key]: key.startsWith('/routes/') ? '{}' : '10.0.0.1:80' });
    const [service] = catalog.services;
    const found =
      catalog.rejected[0]?.reason ??
      (catalog.ignored > 0
        ? 'ignored'
        : `an instance of \`${service?.name}\` with the id \`${service?.instances[0]?.id}\``);
    expect(found).toBe(result);
  });

  test.each(rows('Instances', 'Value', 'Result'))('the instance %s is %s', (value = '', result = '') => {
    const catalog = catalogOf({ '/services/web/a': value });
    expect(catalog.rejected).toEqual([]);
    const shown = JSON.parse(result);
    expect(catalog.service('web')?.instances[0]).toMatchObject(shown);
    if ('meta' in shown) {
      expect(catalog.service('web')?.instances[0]?.meta).toEqual(shown.meta);
    }
  });

  test.each(rows('Routes', 'Value', 'Result'))('the route %s is %s', (value = '', result = '') => {
    const catalog = catalogOf({ '/routes/web': value });
    expect(catalog.rejected).toEqual([]);
    const parsed = parseRoute(value);
    expect(parsed.kind === 'good' && parsed.value).toMatchObject(JSON.parse(result));
    expect(catalog.service('web')).toBeDefined();
  });

  test.each(rows('Instances', 'Value', 'Why'))(
    'the instance %s is refused: %s',
    (value = '', reason = '') => {
      expect(catalogOf({ '/services/web/a': value }).rejected).toMatchObject([{ reason }]);
    },
  );

  test.each(rows('Instances', 'Value', 'Left out'))(
    'the instance %s goes on without a field: %s',
    (value = '', reason = '') => {
      const catalog = catalogOf({ '/services/web/a': value });
      expect(catalog.rejected).toEqual([]);
      expect(catalog.service('web')?.instances).toMatchObject([{ address: '10.0.0.1:80' }]);
      expect(catalog.remarks.map(({ message }) => message)).toEqual([expect.stringContaining(reason)]);
    },
  );

  test.each(rows('Routes', 'Value', 'Why'))('the route %s is refused: %s', (value = '', reason = '') => {
    const [rejected] = catalogOf({ '/routes/web': value }).rejected;
    expect(rejected?.reason).toBe(`${reason}; until it is mended the service is on no frontend`);
  });

  test('shows what pointsman services says of its tree', async () => {
    const tree = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const shown = /```text\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    await using site = await makeSite();
    await writeFile(path.join(site.folder, 'services.yaml'), tree);
    expect((await site.run('services')).stdout).toBe(shown);
  });
});
