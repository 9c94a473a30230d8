import { nearestNames } from '../model/nearest-names.ts';
import type { Meta } from '../model/service.ts';
import { range } from './bounded-filters.ts';
import type { RenderInput } from './context.ts';
import { text } from './functions/arguments.ts';
import { DATA_FUNCTIONS } from './functions/data.ts';
import { GO_FUNCTIONS } from './functions/go/functions.ts';
import { LIST_FUNCTIONS } from './functions/lists.ts';
import { MATHS_FUNCTIONS } from './functions/maths.ts';
import { PATH_FUNCTIONS } from './functions/paths.ts';
import { REGEX_FUNCTIONS } from './functions/regex.ts';
import { storeBelow, storeFunctions } from './functions/store.ts';
import { STRING_FUNCTIONS } from './functions/strings.ts';
import { internals } from './nunjucks.ts';
import type { ServiceViews } from './service-views.ts';
import { Fault } from './site.ts';

/** Functions whose answer depends on their arguments alone. nunjucks' own three are among them. */
export const PURE_FUNCTIONS: Readonly<Record<string, unknown>> = {
  ...new internals.Environment([], {}).globals,
  range,
  ...STRING_FUNCTIONS,
  ...PATH_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...MATHS_FUNCTIONS,
  ...DATA_FUNCTIONS,
  ...REGEX_FUNCTIONS,
  go: GO_FUNCTIONS,
};

/** The names of the settings and of this machine, which `{% memo %}` may use; its functions read nothing else. */
export const SETTING_NAMES = ['vars', 'node', 'haproxy', 'getenv', 'hostname'] as const;

/** The names that depend on the tree. */
export const TREE_NAMES = [
  'services',
  'service',
  'routes',
  'exists',
  'get',
  'getv',
  'getRaw',
  'gets',
  'getvs',
  'ls',
  'lsdir',
  'storeBelow',
] as const;

/** All names that every template sees. */
export const GLOBAL_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(PURE_FUNCTIONS),
  ...SETTING_NAMES,
  ...TREE_NAMES,
]);

const NO_LOOKUPS = 'it would differ from host to host: use a host name and a `resolvers` section of HAProxy';

/** Functions of confd that are left out, and what to use instead. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  lookupIP: NO_LOOKUPS,
  lookupIPV4: NO_LOOKUPS,
  lookupIPV6: NO_LOOKUPS,
  lookupSRV: `${NO_LOOKUPS} (server-template … _srv._tcp.name)`,
  lookupIfaceIPV4: 'it would differ from host to host: list a variable in node.env and use getenv(name)',
  lookupIfaceIPV6: 'it would differ from host to host: list a variable in node.env and use getenv(name)',
  datetime: 'it would make every rendering differ from the last: HAProxy has %t and date() for its logs',
  fileExists: 'it would differ from host to host: use a variable of `vars` in the settings',
};

const IN_SETTINGS =
  'for several lines make it a list of lines, and join them in the template: | join("\\n"); for HAProxy\'s own \\n use single quotes in YAML';
const IN_ENVIRONMENT = 'correct the variable, or leave it out of node.env';

/** The names of one render. Everything reachable is frozen. */
export function createGlobals(input: RenderInput, views: ServiceViews): Readonly<Record<string, unknown>> {
  const { catalog, tree, haproxy } = input;
  const vars = views.guarded(input.vars, 'vars of the settings', IN_SETTINGS);
  const env = views.guarded(input.node.env, 'a variable of the environment', IN_ENVIRONMENT);
  const node = env === input.node.env ? input.node : { ...input.node, env };
  views.settings(node, 'closed');
  views.settings(haproxy, 'closed');
  views.settings(vars, 'open');
  const globals = {
    ...PURE_FUNCTIONS,
    ...storeFunctions(tree),
    storeBelow: (prefix: unknown) => storeBelow(tree, prefix),
    services: views.services(catalog),
    routes: views.routes(catalog.routes),
    node,
    haproxy,
    vars,
    hostname: () => node.hostname,
    getenv: (...args: unknown[]) => getenv(env, args),
    service(name: unknown) {
      const wanted = text(name, 'the name');
      const found = catalog.service(wanted);
      return found === undefined ? noSuchService(wanted, input) : views.service(found);
    },
  } satisfies Record<(typeof SETTING_NAMES)[number] | (typeof TREE_NAMES)[number], unknown>;
  return Object.assign(Object.create(null), globals);
}

function noSuchService(name: string, { catalog }: RenderInput): never {
  const near = nearestNames(
    name,
    catalog.services.map((service) => service.name),
  );
  throw new Fault(
    `there is no service "${name}"`,
    near.length > 0
      ? `near it: ${near.join(', ')}`
      : 'a service is there while it has an instance or a route: `pointsman services` shows them all',
  );
}

/** confd's: an empty variable counts as none. Without a default, a variable that is not there is an error. */
function getenv(env: Meta, args: readonly unknown[]): unknown {
  const name = text(args[0], 'the name');
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined && args.length < 2) {
    throw new Fault(
      `the environment variable ${name} is not there`,
      'list its name under node.env in the settings, or give a default: getenv(name, "…")',
    );
  }
  return value === undefined || (value === '' && args.length > 1) ? args[1] : value;
}
