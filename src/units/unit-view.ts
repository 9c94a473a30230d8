import type { Host } from './host.ts';
import { quoteText, quoteWord } from './quote.ts';
import type { Announcer, ServiceSpec, Site } from './service-spec.ts';

/** The forms that units are written in. */
export const FORMATS = ['systemd', 'fleet', 'butane'] as const;
/** One of `FORMATS`. */
export type Format = (typeof FORMATS)[number];

/** One instance of a service, where it runs. */
export interface Placed {
  readonly spec: ServiceSpec;
  /** Counts from 1: on its host, for fleet in the whole cluster. */
  readonly number: number;
  /** Null where nobody knows. */
  readonly host: Host | null;
  /** The zone that fleet has to put it into. */
  readonly zone: string | null;
  /** The names of services that have an instance on the same host. */
  readonly beside: ReadonlySet<string>;
}

/** What a template of a unit sees as `vars`. Parts of command lines are quoted for systemd already; times are in seconds. */
export interface UnitView extends Record<string, unknown> {
  readonly format: Format;
  readonly service: string;
  /** `""` where there is none. */
  readonly environment: string;
  readonly number: number;
  readonly image: string;
  /** The name of the container. */
  readonly container: string;
  /** The name of the service's unit, `web@1.service`. */
  readonly unit: string;
  /** The name of its partner's unit; `""` where it has none. */
  readonly partner: string;
  readonly presence: string;
  readonly description: string;
  readonly requires: readonly string[];
  readonly wants: readonly string[];
  readonly after: readonly string[];
  /** `docker run`'s arguments, a text for each flag with its value; the last one is the image with the command. */
  readonly run: readonly string[];
  /** Those of `pointsman`, in the same way; empty where it is not announced by itself. */
  readonly announce: readonly string[];
  /** Those of `docker run` for the partner; empty where it is a program of the host. */
  readonly partnerRun: readonly string[];
  /** What runs the partner. */
  readonly announcer: { readonly image: string; readonly program: string };
  readonly drain: number;
  readonly stop: number;
  /** `TimeoutStopSec=` of the service's unit and of the partner's. */
  readonly timeouts: { readonly service: number; readonly partner: number };
  readonly restart: { readonly pause: number; readonly most: number; readonly within: number };
  readonly log: { readonly lines: number; readonly within: number };
  /** The lines of `[X-Fleet]`, of both units; empty in other formats. */
  readonly fleet: { readonly service: readonly string[]; readonly partner: readonly string[] };
}

/** Seconds beside the drain that `announce` may take to end: etcd may be away. */
const ANNOUNCE_END = 5;
/** Seconds beside the service's own in which Docker has to be done. */
const DOCKER_END = 10;

/** Makes what a template sees of an instance. */
export function unitViewOf(placed: Placed, site: Site, format: Format): UnitView {
  const { spec, number, host } = placed;
  const stem = stemOf(site, spec.name);
  const container = `${stem}-${number}`;
  const unit = unitName(site, spec.name, number);
  const partner = spec.presence === 'unit' ? `${stem}-presence@${number}.service` : '';
  const drain = seconds(spec.drain);
  const stop = seconds(spec.stop);
  const beside = spec.needs.services
    .filter((name) => placed.beside.has(name))
    .map((name) => unitName(site, name, 1));
  const announce =
    spec.presence === 'unit' || spec.presence === 'exec' ? announceArguments(placed, site, container) : [];
  return {
    format,
    service: spec.name,
    environment: site.environment ?? '',
    number,
    image: spec.image,
    container,
    unit,
    partner,
    presence: spec.presence,
    description: quoteText(`${stem} ${number}${host === null ? '' : ` on ${host.name}`}, ${spec.image}`),
    requires: ['docker.service', ...spec.needs.units],
    wants: ['network-online.target', ...beside, ...(partner === '' ? [] : [partner])],
    after: ['docker.service', 'network-online.target', ...spec.needs.units, ...beside],
    run: runArguments(spec, container),
    announce,
    partnerRun:
      site.announcer?.kind === 'image' ? partnerArguments(site.announcer.image, container, drain) : [],
    announcer: namesOf(site.announcer),
    drain,
    stop,
    timeouts: {
      service: spec.presence === 'exec' ? drain + ANNOUNCE_END + stop + DOCKER_END : stop + DOCKER_END,
      partner: drain + ANNOUNCE_END + DOCKER_END,
    },
    restart: {
      pause: seconds(spec.restart.pause),
      most: spec.restart.limit?.most ?? 0,
      within: seconds(spec.restart.limit?.within ?? 0),
    },
    log: { lines: spec.log.lines, within: seconds(spec.log.within) },
    fleet: format === 'fleet' ? fleetLines(placed, site, unit) : { service: [], partner: [] },
  };
}

/** The name of the unit of an instance. */
function unitName(site: Site, service: string, number: number): string {
  return `${stemOf(site, service)}@${number}.service`;
}

/** What the names of units and containers begin with. */
function stemOf({ environment }: Site, service: string): string {
  return environment === null ? service : `${environment}-${service}`;
}

function runArguments(spec: ServiceSpec, container: string): string[] {
  const { ports, env, envFiles, volumes, memory, cpus, options, image, command } = spec;
  return [
    flag('--name', container),
    ...ports.map(({ inside, host }) =>
      flag('--publish', host === null ? String(inside) : `${host}:${inside}`),
    ),
    ...Object.entries(env).map(([name, value]) => flag('--env', `${name}=${value}`)),
    ...envFiles.map((file) => flag('--env-file', file)),
    ...volumes.map((volume) => flag('--volume', volume)),
    // Without swap: it would be slow rather than ended.
    ...(memory === null ? [] : [flag('--memory', memory), flag('--memory-swap', memory)]),
    ...(cpus === null ? [] : [flag('--cpus', String(cpus))]),
    ...(spec.presence === 'labels' ? labelsOf(spec).map((label) => flag('--label', label)) : []),
    flag('--stop-timeout', String(seconds(spec.stop))),
    // What it says goes to the journal by docker run itself.
    flag('--log-driver', 'none'),
    ...options.map(quoteWord),
    [image, ...command].map(quoteWord).join(' '),
  ];
}

function labelsOf({ name, ports, weight, tags, check }: ServiceSpec): string[] {
  return [
    `pointsman.service=${name}`,
    `pointsman.port=${ports[0]?.inside ?? ''}`,
    ...(weight === null ? [] : [`pointsman.weight=${weight}`]),
    ...(tags.length === 0 ? [] : [`pointsman.tags=${tags.join(',')}`]),
    ...(check === null ? [] : [`pointsman.check=${check}`]),
  ];
}

function announceArguments({ spec, host }: Placed, site: Site, container: string): string[] {
  const [port] = spec.ports;
  const { check, weight, tags } = spec;
  const where =
    spec.presence === 'exec'
      ? [flag('--port', String(port?.host ?? ''))]
      : [flag('--container', container), flag('--container-port', String(port?.inside ?? ''))];
  const address =
    host?.address != null
      ? [flag('--host', host.address)]
      : site.interface === null
        ? []
        : [flag('--interface', site.interface)];
  return [
    flag('--service', spec.name),
    ...where,
    ...address,
    ...(site.etcd.length === 0 ? [] : [flag('--etcd', site.etcd.join(','))]),
    ...(site.prefix === null ? [] : [flag('--set', `prefixes.services=${site.prefix}`)]),
    ...(site.ttl === null ? [] : [flag('--ttl', durationText(site.ttl))]),
    ...(check === null ? [] : [flag('--check', check)]),
    flag('--drain', durationText(spec.drain)),
    ...(weight === null ? [] : [flag('--weight', String(weight))]),
    ...(tags.length === 0 ? [] : [flag('--tags', tags.join(','))]),
    ...Object.entries(spec.meta).map(([name, value]) => flag('--meta', `${name}=${value}`)),
  ];
}

function partnerArguments(image: string, container: string, drain: number): string[] {
  return [
    flag('--name', `${container}-presence`),
    '--network host',
    '--read-only --cap-drop ALL --security-opt no-new-privileges',
    '--volume /run/docker.sock:/var/run/docker.sock',
    '--volume /etc/machine-id:/etc/machine-id:ro',
    '--volume /etc/pointsman:/etc/pointsman:ro',
    '--volume /var/lib/pointsman:/var/lib/pointsman',
    flag('--stop-timeout', String(drain + ANNOUNCE_END)),
    '--log-driver none',
    quoteWord(image),
  ];
}

function namesOf(announcer: Announcer | null): UnitView['announcer'] {
  return {
    image: announcer?.kind === 'image' ? announcer.image : '',
    program: announcer?.kind === 'program' ? announcer.program : '',
  };
}

/** fleet, "Unit Files and Scheduling": `Global` goes with neither `MachineOf` nor `Conflicts` of the own kind. */
function fleetLines({ spec, zone }: Placed, site: Site, unit: string): UnitView['fleet'] {
  const metadata = [
    ...(spec.role === null ? [] : [`MachineMetadata=role=${spec.role}`]),
    ...(zone === null ? [] : [`MachineMetadata=zone=${zone}`]),
  ];
  if (spec.instances === 'each') {
    return { service: ['Global=true', ...metadata], partner: ['Global=true', ...metadata] };
  }
  const conflicts = spec.spread === 'host' ? [`Conflicts=${stemOf(site, spec.name)}@*.service`] : [];
  return { service: [...conflicts, ...metadata], partner: [`MachineOf=${unit}`] };
}

function flag(name: string, value: string): string {
  return `${name} ${quoteWord(value)}`;
}

/** As flags take it. */
function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Whole seconds, never fewer than meant. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
