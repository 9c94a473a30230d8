import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderFixture } from '../../src/testing/render-fixture.ts';

let folder: string;
let template: string;
const yaml = 'services:\n  web:\n    a: 10.0.0.1:80\nhaproxy:\n  version: 1.10\n';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixture-'));
  template = join(folder, 'main.njk');
  await writeFile(
    template,
    '{% for s in services %}{{ s.name }}={{ s.instances | join(",", "address") }} {% endfor %}{{ getv("/haproxy/version", "-") }}',
  );
});
afterEach(() => rm(folder, { recursive: true }));

describe('renderFixture()', () => {
  it('takes the tree as a file, a folder, YAML text or an object', async () => {
    await writeFile(join(folder, 'tree.yaml'), yaml);
    const object = { services: { web: { a: '10.0.0.1:80' } }, '/haproxy': { version: '1.10' } };
    for (const tree of [
      join(folder, 'tree.yaml'),
      folder,
      new URL(`file://${folder}/tree.yaml`),
      yaml,
      object,
    ]) {
      expect(await renderFixture({ tree, template })).toEqual({ text: 'web=10.0.0.1:80 1.10', rejected: [] });
    }
  });

  it('tells what was rejected', async () => {
    const { text, rejected } = await renderFixture({
      tree: { services: { web: { a: 'nope', b: '10.0.0.1:80' } } },
      template,
    });
    expect(text).toBe('web=10.0.0.1:80 -');
    expect(rejected).toEqual([expect.objectContaining({ key: '/services/web/a', value: 'nope' })]);
  });

  it('takes vars, node, haproxy, prefixes and what to do about the same address twice', async () => {
    await writeFile(
      template,
      '{{ vars.a }} {{ node.hostname }} {{ getenv("Z") }} {{ haproxy.version }} {{ haproxy.statsSocket }} {{ services | length }} {{ service("web").hosts | join(",") }}',
    );
    const vars = Object.freeze({ a: 'x', domain: 'example.com' });
    const { text, rejected } = await renderFixture({
      tree: { s: { web: { a: '10.0.0.1:80' }, b: { a: '10.0.0.1:80' } } },
      template,
      vars,
      node: { env: { Z: 'z' } },
      haproxy: { version: '3.0.11' },
      prefixes: { services: '/s' },
      duplicateAddresses: 'allow',
    });
    expect(rejected).toEqual([]);
    expect(text).toBe('x host-1 z 3.0.11 /run/haproxy/stats.sock 2 web,web.example.com');
  });

  it('leaves what it was given as it was', async () => {
    const vars = { list: [1] };
    await renderFixture({ tree: {}, template, vars });
    vars.list.push(2);
    expect(vars).toEqual({ list: [1, 2] });
  });

  it('renders the packaged template where none is named', async () => {
    const { text } = await renderFixture({ tree: yaml });
    expect(text).toContain('\nbackend be_web');
  });

  it('names file and line of a fault in template or tree', async () => {
    await writeFile(template, 'a\n{{ servces }}');
    await expect(renderFixture({ tree: {}, template })).rejects.toThrow(
      'template main.njk, line 2: there is no "servces"',
    );
    await writeFile(template, 'fine');
    await expect(renderFixture({ tree: 'a:\n  b: null\n  b: 1\n', template })).rejects.toThrow(
      'the tree of the fixture:2',
    );
    await expect(renderFixture({ tree: join(folder, 'none.yaml'), template })).rejects.toMatchObject({
      name: 'SourceError',
    });
  });
});
