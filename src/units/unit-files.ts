import { SystemError, UsageError } from '../errors.ts';
import { Catalog } from '../model/catalog.ts';
import { compare } from '../model/entry.ts';
import type { CompiledTemplate } from '../render/compile-template.ts';
import { fleetComplaints } from './fleet-rules.ts';
import type { Host } from './host.ts';
import { place } from './placement.ts';
import type { ServiceSpec, Site } from './service-spec.ts';
import { type Format, type Placed, type UnitView, unitViewOf } from './unit-view.ts';

/** One file that is to be written. */
export interface UnitFile {
  /** Relative to the folder of all of them, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** The names of the templates. */
export const TEMPLATE_NAMES = ['service', 'presence', 'butane'] as const;
/** What the files are made by. */
export type UnitTemplates = Readonly<Record<(typeof TEMPLATE_NAMES)[number], CompiledTemplate>>;

export interface UnitFilesOptions {
  readonly format: Format;
  /** Null where nobody named hosts. */
  readonly hosts: readonly Host[] | null;
  readonly templates: UnitTemplates;
}

/** What every file begins with: by this it is known as one of ours. */
export const HEADER = '# Written by pointsman units.';

/** All files of a site, sorted by path: the same bytes for the same input. Throws a `UsageError` where services cannot be placed. */
export async function unitFilesOf(site: Site, options: UnitFilesOptions): Promise<UnitFile[]> {
  const placed = placeAll(site, options);
  const units = await Promise.all(placed.map((one) => unitsOf(one, site, options)));
  const environmentFile = environmentLines(site);
  const files =
    options.format === 'butane'
      ? await butaneFiles(placed, units, { ...options, environmentFile })
      : [
          ...units
            .flat()
            .map(({ folder, name, text }) => ({ path: folder === '' ? name : `${folder}/${name}`, text })),
          ...(environmentFile.length === 0
            ? []
            : [{ path: 'pointsman.env', text: `${environmentFile.join('\n')}\n` }]),
        ];
  return files
    .map(({ path, text }) => ({ path, text: `${HEADER} Change the definitions it was made of.\n${text}` }))
    .sort((a, b) => compare(a.path, b.path));
}

interface Unit {
  /** `""` where there is but one. */
  readonly folder: string;
  readonly name: string;
  readonly text: string;
}

/** Every instance of every service; for systemd and Butane by host. */
function placeAll(site: Site, { format, hosts: all }: UnitFilesOptions): Placed[] {
  const hosts = hostsOf(site, all);
  if (format === 'fleet') {
    return site.services.flatMap((spec) => placeForFleet(spec, hosts));
  }
  if (hosts === null) {
    return site.services.flatMap((spec) => placeOnTheOne(spec, site));
  }
  const counts = site.services.map((spec) => ({ spec, on: countsOf(spec, hosts) }));
  return hosts.flatMap((host) => {
    const here = counts.filter(({ on }) => (on.get(host.name) ?? 0) > 0);
    const beside = new Set(here.map(({ spec }) => spec.name));
    return here.flatMap(({ spec, on }) =>
      numbers(on.get(host.name) ?? 0).map((number) => ({ spec, number, host, zone: null, beside })),
    );
  });
}

/** The hosts that the environment may use. Throws a `UsageError` for one that is not there. */
function hostsOf(site: Site, all: readonly Host[] | null): readonly Host[] | null {
  const named = site.hosts;
  if (named === null || all === null) {
    return named === null
      ? all
      : named.toSorted(compare).map((name) => ({ name, zone: null, roles: [], address: null }));
  }
  const missing = named.find((name) => !all.some((host) => host.name === name));
  if (missing !== undefined) {
    throw new UsageError(
      `placing the services: ${missing}, a host of ${site.environment}, is not among the hosts`,
      {
        hint: 'The file of --hosts lists all of them.',
      },
    );
  }
  return all.filter(({ name }) => named.includes(name));
}

function countsOf(spec: ServiceSpec, hosts: readonly Host[]): ReadonlyMap<string, number> {
  const fitting = hosts.filter(({ roles }) => spec.role === null || roles.includes(spec.role));
  const placement = place(spec, fitting);
  if (placement.kind === 'placed') {
    return placement.counts;
  }
  const among = spec.role === null ? '' : ` (with the role ${spec.role})`;
  throw new UsageError(`placing ${spec.name}: ${placement.why}${among}`, {
    hint: 'Change instances, spread or role of the service, or the hosts.',
  });
}

/** Without hosts all of it is for one, whichever that is. */
function placeOnTheOne(spec: ServiceSpec, { services }: Site): Placed[] {
  const wish =
    spec.spread !== null ? `spread: ${spec.spread}` : spec.role !== null ? `role: ${spec.role}` : null;
  if (wish !== null) {
    throw new UsageError(`placing ${spec.name}: it says ${wish}, and no hosts are named`, {
      hint: 'Name them with --hosts FILE (docs/units.md), or leave that out: then all units are for one host.',
    });
  }
  const beside = new Set(services.map(({ name }) => name));
  const count = spec.instances === 'each' ? 1 : spec.instances;
  return numbers(count).map((number) => ({ spec, number, host: null, zone: null, beside }));
}

/** fleet chooses the hosts by itself; the zones are chosen here, for it knows no spread over them. */
function placeForFleet(spec: ServiceSpec, hosts: readonly Host[] | null): Placed[] {
  const bare = { spec, host: null, beside: new Set<string>() };
  if (spec.instances === 'each') {
    return [{ ...bare, number: 1, zone: null }];
  }
  if (spec.spread !== 'zone') {
    return numbers(spec.instances).map((number) => ({ ...bare, number, zone: null }));
  }
  if (hosts === null) {
    throw new UsageError(
      `placing ${spec.name}: it says spread: zone, which fleet does not know, and no hosts are named`,
      {
        hint: 'Name them with --hosts FILE: then each instance is for a zone. Or say spread: host.',
      },
    );
  }
  const zones = [...countsOf(spec, hosts)].flatMap(([name, count]) => {
    const zone = hosts.find((host) => host.name === name)?.zone ?? null;
    return numbers(count).map(() => zone ?? '');
  });
  return zones.sort(compare).map((zone, at) => ({ ...bare, number: at + 1, zone }));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

async function unitsOf(placed: Placed, site: Site, { format, templates }: UnitFilesOptions): Promise<Unit[]> {
  const view = unitViewOf(placed, site, format);
  const folder = placed.host?.name ?? '';
  const units = [{ folder, name: view.unit, text: await draw(templates.service, view) }];
  if (view.partner !== '') {
    units.push({ folder, name: view.partner, text: await draw(templates.presence, view) });
  }
  for (const { name, text } of units) {
    refuseUnit(name, text, format);
  }
  return units;
}

/** The longest line that fleet's parser takes (go-systemd, unit/deserialize.go). */
const LONGEST_LINE = 2_047;

/** What a definition, or a template of somebody's, made of a unit and would be refused later. */
function refuseUnit(name: string, text: string, format: Format): void {
  if (format !== 'fleet') {
    return;
  }
  const long = text.split('\n').find((line) => Buffer.byteLength(line) > LONGEST_LINE);
  const [complaint] =
    long === undefined
      ? fleetComplaints(name, text)
      : [`fleet takes no line over ${LONGEST_LINE} bytes: ${long.slice(0, 60)}…`];
  if (complaint !== undefined) {
    throw new UsageError(`writing ${name} for fleet: ${complaint}`, {
      hint: 'Change the definition, or the template if it is your own.',
    });
  }
}

interface ButaneOptions extends UnitFilesOptions {
  readonly environmentFile: readonly string[];
}

async function butaneFiles(
  placed: readonly Placed[],
  units: readonly (readonly Unit[])[],
  { templates, environmentFile }: ButaneOptions,
): Promise<UnitFile[]> {
  const all = placed.flatMap((_, at) => (units[at] ?? []).map((unit, nth) => ({ unit, enabled: nth === 0 })));
  const folders = Map.groupBy(all, ({ unit }) => unit.folder);
  return Promise.all(
    [...folders].map(async ([folder, inside]) => ({
      path: folder === '' ? 'butane.yaml' : `${folder}.yaml`,
      text: await draw(templates.butane, {
        environmentFile,
        units: inside.map(({ unit, enabled }) => ({
          name: unit.name,
          enabled,
          lines: `${HEADER}\n${unit.text}`.replace(/\n$/, '').split('\n'),
        })),
      }),
    })),
  );
}

/** What `pointsman run` of the environment's hosts is to know, as an environment file. */
function environmentLines({ environment, prefix, domain, etcd }: Site): string[] {
  if (environment === null) {
    return [];
  }
  return [
    ...(etcd.length === 0 ? [] : [`POINTSMAN_ETCD_ENDPOINTS=${etcd.join(',')}`]),
    ...(prefix === null ? [] : [`POINTSMAN_PREFIXES_SERVICES=${prefix}`]),
    ...(domain === null ? [] : [`POINTSMAN_VARS_DOMAIN=${domain}`]),
  ];
}

/** Renders a template by its one argument, `vars`: units are made of no keys. */
async function draw(
  template: CompiledTemplate,
  vars: UnitView | Readonly<Record<string, unknown>>,
): Promise<string> {
  const catalog = new Catalog({
    grammar: { prefixes: { services: ['/services'], routes: ['/routes'], keys: [] } },
    duplicateAddresses: 'newest',
    defaultRoutes: { kind: 'none', domain: null },
  });
  const text = await template.render({
    catalog,
    tree: catalog.tree,
    node: { hostname: '', env: {} },
    haproxy: { version: '', statsSocket: '', masterSocket: '', serverState: '' },
    vars: structuredClone(vars),
  });
  if (text.trim() === '') {
    throw new SystemError('rendering a unit: its template gives no text');
  }
  return text;
}
