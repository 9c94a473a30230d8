import { fileURLToPath } from 'node:url';
import { Catalog } from '../model/catalog.ts';
import type { Entry } from '../model/entry.ts';
import type { Rejection } from '../model/service.ts';
import { compileTemplate } from '../render/compile-template.ts';
import type { RenderInput } from '../render/context.ts';
import { type RouteFound, routeOf as routeIn } from '../routing/route-of.ts';
import { type RequestOptions, requestOf } from '../routing/route-request.ts';
import { fileSource } from '../sources/file-source.ts';
import { parseTreeEntries } from '../sources/tree-file.ts';
import { PACKAGED_TEMPLATE, readTemplateSet } from '../templates/read-template-set.ts';

/** What to render: keys, template, and what the settings of a host would add. */
export interface Fixture {
  /**
   * The keys: the path (or URL) of a YAML or JSON file or of a folder of them, such as `pointsman dump` writes;
   * or the same as an object; or as YAML text (a string of more than one line).
   */
  readonly tree: string | URL | Readonly<Record<string, unknown>>;
  /** The path (or URL) of the template. @default the packaged one */
  readonly template?: string | URL;
  /** @default {} */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** @default hostname `host-1`, no variables */
  readonly node?: Partial<RenderInput['node']>;
  /** @default the sockets of the settings' defaults, no version */
  readonly haproxy?: Partial<RenderInput['haproxy']>;
  /** Where services and routes stand, as in the settings. @default /services and /routes */
  readonly prefixes?: {
    readonly services?: string | readonly string[];
    readonly routes?: string | readonly string[];
  };
  /** @default 'newest' */
  readonly duplicateAddresses?: 'newest' | 'allow';
}

/** What came out of a fixture. */
export interface Rendered {
  /** The configuration, without Pointsman's mark. */
  readonly text: string;
  /** Keys that did not reach the template, and why; sorted by key. */
  readonly rejected: readonly Rejection[];
}

/**
 * Renders a template as `pointsman render --dry-run` does, for the tests of your own templates. It needs neither
 * etcd nor HAProxy, and gives the same bytes on every machine.
 *
 * @example
 * const { text, rejected } = await renderFixture({ tree: 'tree.yaml', template: 'templates/haproxy.cfg.njk' });
 * expect(rejected).toEqual([]);
 * await expect(text).toMatchFileSnapshot('expected.cfg');
 *
 * @throws TemplateError, or SourceError for a tree that cannot be read. Both name file and line.
 */
export async function renderFixture(fixture: Fixture): Promise<Rendered> {
  const { vars = {}, node, haproxy, template = PACKAGED_TEMPLATE } = fixture;
  const compiled = compileTemplate(await readTemplateSet(pathOf(template)));
  const catalog = await catalogOf(fixture);
  const text = await compiled.render({
    catalog,
    tree: catalog.tree,
    node: { hostname: 'host-1', env: {}, ...node },
    haproxy: {
      version: '',
      statsSocket: '/run/haproxy/stats.sock',
      masterSocket: '/run/haproxy/master.sock',
      serverState: '',
      ...haproxy,
    },
    // A copy: rendering freezes what it is given, and these are the caller's.
    vars: structuredClone(vars),
  });
  return { text, rejected: catalog.rejected };
}

/**
 * Says which rule of the packaged template answers a URL, by which servers, and why not another: what `pointsman route` says. A
 * template of your own that has blocks of routes of its own may do otherwise: only HAProxy knows that.
 *
 * @example
 * const { answer } = await routeOf({ tree: 'tree.yaml', vars: { domain: 'example.com' } }, 'http://web.example.com/cart');
 * expect(answer).toMatchObject({ kind: 'service', service: 'web' });
 *
 * @throws UsageError for what is no URL, or SourceError for a tree that cannot be read.
 */
export async function routeOf(
  fixture: Omit<Fixture, 'template' | 'node' | 'haproxy'>,
  url: string,
  options: RequestOptions = {},
): Promise<RouteFound> {
  const request = requestOf(url, options);
  const { services, routes, rejected } = await catalogOf(fixture);
  return routeIn({ services, routes, rejected, vars: fixture.vars ?? {} }, request);
}

async function catalogOf({ tree, vars = {}, prefixes, duplicateAddresses }: Fixture): Promise<Catalog> {
  const services = listOf(prefixes?.services ?? '/services');
  const routes = listOf(prefixes?.routes ?? '/routes');
  const catalog = new Catalog({
    grammar: { prefixes: { services, routes, keys: [] } },
    duplicateAddresses: duplicateAddresses ?? 'newest',
    defaultRoutes: defaultRoutes(vars),
  });
  catalog.replace(await readTree(tree, { services, routes }));
  return catalog;
}

interface Shape {
  readonly services: readonly string[];
  readonly routes: readonly string[];
}

async function readTree(tree: Fixture['tree'], shape: Shape): Promise<readonly Entry[]> {
  if (typeof tree === 'string' && tree.includes('\n')) {
    return parseTreeEntries(tree, { file: 'the tree of the fixture', shape, index: 0 });
  }
  if (typeof tree === 'string' || tree instanceof URL) {
    return fileSource({ path: pathOf(tree), shape, index: 0 }).read(new AbortController().signal);
  }
  // JSON is YAML: numbers are taken as they are written there.
  return parseTreeEntries(JSON.stringify(tree), { file: 'the tree of the fixture', shape, index: 0 });
}

/** As `vars.domain` and `vars.defaultRoutes` of the settings. */
function defaultRoutes({ domain, defaultRoutes: kind }: Readonly<Record<string, unknown>>) {
  return {
    kind: kind === 'any' || kind === 'none' ? kind : 'domain',
    domain: typeof domain === 'string' ? domain : null,
  } as const;
}

function pathOf(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path;
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
