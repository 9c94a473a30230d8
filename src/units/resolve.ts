import { UsageError } from '../errors.ts';
import { compare } from '../model/entry.ts';
import { didYouMean } from '../model/nearest-names.ts';
import type { Definition, ServiceFields } from './definition-schema.ts';
import { whyRefused, whyVague } from './image.ts';
import { fillIn } from './placeholders.ts';
import { type ReadDefinition, refusal } from './read-definition.ts';
import type { ServiceSpec, Site } from './service-spec.ts';

/** Names that are parts of units' and containers' names. `-presence` is the end of a partner's. */
const SERVICE_NAME = /^(?!.*-presence$)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Without a dash: it ends at the first one. */
const ENVIRONMENT_NAME = /^[a-z0-9][a-z0-9_]{0,31}$/;
const UNIT = /\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice)$/;

/**
 * The services of one environment: what is said of all services, of each, and of each in the environment, the later over the
 * earlier. Throws a `UsageError` that names all that does not fit, with file and line.
 */
export function resolveSite(read: ReadDefinition, environment: string | undefined): Site {
  const { definition } = read;
  const chosen = environmentOf(read, environment);
  const wrong: string[] = [];
  const say = (path: readonly PropertyKey[], message: string) => {
    wrong.push(`${read.whereIs(path)}: ${path.join('.')}: ${message}`);
  };
  const names = Object.keys(definition.services).sort(compare);
  for (const name of names.filter((one) => !SERVICE_NAME.test(one))) {
    say(
      ['services', name],
      'is no name of a service: letters, digits, . _ -, at most 64, and not with -presence at its end',
    );
  }
  for (const part of ['services', 'counts'] as const) {
    for (const name of Object.keys(chosen.fields[part] ?? {}).filter((one) => !names.includes(one))) {
      say(
        [...chosen.path, part, name],
        `there is no such service; ${didYouMean(name, names) ?? `there are: ${names.join(', ')}`}`,
      );
    }
  }
  const { announce = {} } = definition;
  if (announce.image !== undefined && whyVague(announce.image) !== null) {
    say(['announce', 'image'], whyVague(announce.image) ?? '');
  }
  const layersOf = (name: string): Layer[] => [
    { path: ['defaults'], fields: definition.defaults ?? {} },
    { path: ['services', name], fields: definition.services[name] ?? {} },
    { path: [...chosen.path, 'services', name], fields: chosen.fields.services?.[name] ?? {} },
    ...countOf(chosen, name),
  ];
  const services = names.flatMap((name) => {
    const layers = new Layers(name, layersOf(name));
    const before = wrong.length;
    const spec = specOf(layers, {
      definition,
      names,
      environment: chosen.name,
      domain: chosen.fields.domain ?? null,
      say,
    });
    return wrong.length === before && spec !== null ? [spec] : [];
  });
  for (const way of circlesOf(services)) {
    say(['services', way[0] ?? '', 'needs'], `${way.join(' needs ')}: systemd would start none of them`);
  }
  if (wrong.length > 0) {
    throw refusal('the definitions', wrong);
  }
  const etcd = chosen.fields.etcd ?? announce.etcd ?? [];
  const [prefix = null] = chosen.fields.prefix ?? [];
  return {
    environment: chosen.name,
    services,
    announcer:
      announce.image !== undefined
        ? { kind: 'image', image: announce.image }
        : announce.program !== undefined
          ? { kind: 'program', program: announce.program }
          : null,
    etcd,
    interface: announce.interface ?? null,
    ttl: announce.ttl ?? null,
    prefix,
    domain: chosen.fields.domain ?? null,
    hosts: chosen.fields.hosts ?? null,
  };
}

interface Chosen {
  readonly name: string | null;
  readonly path: readonly string[];
  readonly fields: NonNullable<Definition['environments']>[string];
}

function environmentOf({ definition, whereIs }: ReadDefinition, name: string | undefined): Chosen {
  const all = definition.environments ?? {};
  const names = Object.keys(all);
  const bad = names.find((one) => !ENVIRONMENT_NAME.test(one));
  if (bad !== undefined) {
    throw refusal('the definitions', [
      `${whereIs(['environments', bad])}: environments.${bad}: is no name of an environment: lower case letters, digits and _, at most 32`,
    ]);
  }
  if (name === undefined && names.length === 0) {
    return { name: null, path: [], fields: {} };
  }
  const fields = name === undefined ? undefined : all[name];
  if (name !== undefined && fields !== undefined && Object.hasOwn(all, name)) {
    return { name, path: ['environments', name], fields };
  }
  const there = names.length === 0 ? 'the definitions have none' : `there are: ${names.join(', ')}`;
  throw new UsageError(
    name === undefined
      ? 'reading the flags: the definitions have environments, and none is named'
      : `reading --environment ${name}: there is no such environment`,
    {
      hint:
        name === undefined ? `Name one with --environment; ${there}.` : `${didYouMean(name, names) ?? there}`,
    },
  );
}

interface Layer {
  readonly path: readonly string[];
  readonly fields: ServiceFields;
}

/** `counts: { web: 2 }` of an environment; the field stands at another place there. */
function countOf({ path, fields }: Chosen, name: string): Layer[] {
  const { counts = {} } = fields;
  const count = Object.hasOwn(counts, name) ? counts[name] : undefined;
  return count === undefined ? [] : [{ path: [...path, 'counts', name], fields: { instances: count } }];
}

/** What is said of a service at several places, the later over the earlier. */
class Layers {
  readonly name: string;
  readonly #layers: readonly Layer[];

  constructor(name: string, layers: readonly Layer[]) {
    this.name = name;
    this.#layers = layers;
  }

  get<Name extends keyof ServiceFields>(name: Name): ServiceFields[Name] | undefined {
    const layer = this.#layers.findLast(({ fields }) => name in fields);
    return layer?.fields[name] as ServiceFields[Name] | undefined;
  }

  /** Of maps the later ones' keys are added. */
  merged(name: 'env' | 'meta'): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#layers.flatMap(({ fields }) => Object.entries(fields[name] ?? {})));
  }

  /** Where a field was said last; where the service stands, if nowhere. */
  pathOf(name: keyof ServiceFields): readonly string[] {
    const layer = this.#layers.findLast(({ fields }) => name in fields);
    if (layer === undefined) {
      return ['services', this.name];
    }
    return layer.path.at(-2) === 'counts' ? layer.path : [...layer.path, name];
  }
}

interface Around {
  readonly definition: Definition;
  readonly names: readonly string[];
  readonly environment: string | null;
  readonly domain: string | null;
  readonly say: (path: readonly PropertyKey[], message: string) => void;
}

const DRAIN = 5_000;
const STOP = 10_000;
const RESTART_PAUSE = 5_000;
const LOG = { lines: 10_000, within: 30_000 };

/** One service; null where no more can be said of it. */
function specOf(layers: Layers, around: Around): ServiceSpec | null {
  const { say, definition } = around;
  const { name } = layers;
  const image = layers.get('image');
  if (image === undefined) {
    say(['services', name], `has no image; would fit: image: ${name.toLowerCase()}:git-1a2b3c4`);
    return null;
  }
  const refused = whyRefused(image, { service: name, anyImage: layers.get('anyImage') ?? false });
  if (refused !== null) {
    say(layers.pathOf('image'), refused);
  }
  const ports = layers.get('ports') ?? [];
  const presence = layers.get('presence') ?? (ports.length === 0 ? 'none' : 'unit');
  const { announce = {} } = definition;
  const at = layers.pathOf('presence');
  if (presence !== 'none' && ports.length === 0) {
    say(at, `${name} is to be announced, and has no port: give ports`);
  }
  if (presence === 'unit' && announce.image === undefined && announce.program === undefined) {
    say(at, `${name} has a partner of its own: give announce.image or announce.program for what it runs`);
  }
  if (presence === 'exec' && announce.program === undefined) {
    say(at, `${name} is a child of pointsman on the host: give announce.program`);
  }
  if (presence === 'exec' && ports[0] !== undefined && ports[0].host === null) {
    say(
      layers.pathOf('ports'),
      `announce knows the port of its child by its number alone: write "8080:${ports[0].inside}" or another one`,
    );
  }
  if (presence === 'labels' && (layers.get('stop') ?? STOP) <= (layers.get('drain') ?? DRAIN)) {
    say(
      layers.pathOf('stop'),
      'is not over drain: with labels the service drains while it ends, and has to serve on for that long',
    );
  }
  const restart = layers.get('restart') ?? {};
  const log = layers.get('log') ?? {};
  const fill = (path: readonly string[], text: string): string =>
    fillIn(text, { environment: around.environment, domain: around.domain, service: name }, (message) =>
      say(path, message),
    );
  const fillAll = <Name extends 'volumes' | 'command' | 'options'>(field: Name): readonly string[] =>
    (layers.get(field) ?? []).map((text) => fill(layers.pathOf(field), text));
  const env = Object.entries(layers.merged('env')).map(
    ([key, text]) => [key, fill([...layers.pathOf('env'), key], text)] as const,
  );
  return {
    name,
    image,
    ports,
    env: Object.fromEntries(env.sort(([a], [b]) => compare(a, b))),
    envFiles: layers.get('envFiles') ?? [],
    volumes: fillAll('volumes'),
    command: fillAll('command'),
    options: fillAll('options'),
    instances: layers.get('instances') ?? 1,
    role: layers.get('role') ?? null,
    spread: layers.get('spread') ?? null,
    presence,
    check: layers.get('check') ?? null,
    drain: layers.get('drain') ?? DRAIN,
    stop: layers.get('stop') ?? STOP,
    weight: layers.get('weight') ?? null,
    tags: layers.get('tags') ?? [],
    meta: layers.merged('meta'),
    needs: needsOf(layers, around),
    memory: layers.get('memory') ?? null,
    cpus: layers.get('cpus') ?? null,
    restart: {
      pause: restart.pause ?? RESTART_PAUSE,
      limit:
        restart.most === undefined || restart.within === undefined
          ? null
          : { most: restart.most, within: restart.within },
    },
    log: { lines: log.lines ?? LOG.lines, within: log.within ?? LOG.within },
  };
}

/** What it needs, services of the file and other units apart. */
function needsOf(layers: Layers, { names, say }: Around): ServiceSpec['needs'] {
  const needs = layers.get('needs') ?? [];
  const services = needs.filter((one) => names.includes(one));
  const units = needs.filter((one) => !names.includes(one));
  for (const unknown of units.filter((one) => !UNIT.test(one))) {
    say(
      layers.pathOf('needs'),
      `${unknown} is neither a service of this file nor a unit; ${didYouMean(unknown, names) ?? `there are: ${names.join(', ')}`}`,
    );
  }
  return { services, units };
}

/** Of services that need each other in a circle systemd starts none. */
function circlesOf(services: readonly ServiceSpec[]): string[][] {
  const needs = new Map(services.map((one) => [one.name, one.needs.services]));
  const wayBack = (start: string): string[] | null => {
    const ways = [[start]];
    const seen = new Set<string>();
    for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
      for (const next of needs.get(way.at(-1) ?? '') ?? []) {
        if (next === start) {
          return [...way, next];
        }
        if (!seen.has(next)) {
          seen.add(next);
          ways.push([...way, next]);
        }
      }
    }
    return null;
  };
  return services.flatMap(({ name }) => {
    const way = wayBack(name);
    return way === null ? [] : [way];
  });
}
