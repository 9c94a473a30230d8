import type { KeptKey } from '../events.ts';
import { type ServerSetByHand, wordsOfHand } from '../events-haproxy.ts';
import { readHandFile } from '../haproxy/hand-record.ts';
import type { Instance, Rejection, Service } from '../model/service.ts';
import { visibleLines, visibleQuoted } from '../model/visible.ts';
import { createStateFile } from '../state/state-file.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { catalogOptions } from './assemble.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { fillFrom, HANDS_FILE, settingsOf } from './open.ts';

/** The flags of `services`. */
export interface ServicesFlags extends FromFlags {
  readonly json?: boolean;
}

/** Prints every service and instance, and every rejected key with its reason. */
export async function services(io: Io, flags: ServicesFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  const served = new ServedTree({ catalog: catalogOptions(settings), emit: () => {} });
  await fillFrom(io, settings, { served, ...flags });
  const { catalog, kept } = served;
  const { servers: setByHand } = await readHandFile(createStateFile(settings.stateDir, HANDS_FILE));
  if (flags.json) {
    const { services, rejected, ignored, remarks } = catalog;
    const all = { services, setByHand: setByHand.map(inJson), kept, rejected, remarks, ignored };
    const text = JSON.stringify(all, null, 2);
    io.out(`${visibleQuoted(text)}\n`);
    return EXIT.fine;
  }
  const keys = new Set(kept.map(({ key }) => key));
  const mark = (one: Instance) => `${byHand(one, setByHand)}${keys.has(one.key) ? '  kept' : ''}`;
  const blocks = catalog.services.map((service) => describe(service, mark));
  if (kept.length > 0) {
    const each = kept.flatMap(({ key, form, reason }) => [`  ${key}  "${form}"`, `    ${reason}`]);
    blocks.push(['kept in their last good form', ...each].join('\n'));
  }
  const rejected = catalog.rejected.flatMap(({ key, value, reason, other }) => [
    `  ${key}  "${value}"`,
    `    ${reason}${other === undefined ? '' : `: ${other}`}`,
  ]);
  if (rejected.length > 0) {
    blocks.push(['rejected', ...rejected].join('\n'));
  }
  const remarks = catalog.remarks.map(({ message }) => `  ${message}`);
  if (remarks.length > 0) {
    blocks.push(['to look at', ...remarks].join('\n'));
  }
  if (blocks.length === 0) {
    blocks.push(`no service under ${settings.prefixes.services.join(', ')}`);
  }
  io.out(`${visibleLines(blocks.join('\n\n'))}\n`);
  return EXIT.fine;
}

function inJson({ backend, server, address, admin, weight, since }: ServerSetByHand) {
  return { backend, server, address, admin, weight, since: new Date(since).toISOString() };
}

/** `mark`: what else there is to say of an instance. */
function describe(service: Service, mark: (instance: Instance) => string): string {
  const width = service.instances.reduce((most, { id }) => Math.max(most, id.length), 0);
  return [
    `${service.name}  ${reach(service)}`,
    ...service.instances.map(
      (instance) => `  ${instance.id.padEnd(width)}  ${instance.address}${extras(instance)}${mark(instance)}`,
    ),
    ...(service.instances.length === 0 ? ['  no instance'] : []),
  ].join('\n');
}

function reach({ mode, hosts, paths, port, expose }: Service): string {
  const places = [
    ...(hosts.length > 0 ? [`hosts ${hosts.join(', ')}`] : []),
    ...(paths.length > 0 ? [`paths ${paths.join(', ')}`] : []),
    ...(port === null ? [] : [`port ${port}`]),
    ...(expose ? [] : ['not exposed']),
  ];
  return [mode, ...places].join('  ');
}

function extras({ weight, maxconn, backup, drain, tags }: Instance): string {
  const words = [
    ...(drain ? ['drain'] : weight === null ? [] : [`weight ${weight}`]),
    ...(maxconn === null ? [] : [`maxconn ${maxconn}`]),
    ...(backup ? ['backup'] : []),
    ...tags.map((tag) => `#${tag}`),
  ];
  return words.length === 0 ? '' : `  ${words.join(' ')}`;
}

/** What a person set of it on HAProxy's socket, and for how long. */
function byHand({ id, address }: Instance, setByHand: readonly ServerSetByHand[]): string {
  const one = setByHand.find((set) => set.address === address && set.server === id);
  return one ? `  ${wordsOfHand(one)} by hand for ${minutesSince(one)}` : '';
}

/** How long ago a person set it, for people. */
export function minutesSince({ since }: Pick<ServerSetByHand, 'since'>): string {
  return `${Math.max(0, Math.round((Date.now() - since) / 60_000))} min`;
}

/** A key that keeps its last good form, in one line. */
export function keptLine({ key, form, reason }: KeptKey): string {
  return `kept ${key} "${form}": ${reason}`;
}

/** A rejection in one line. */
export function rejectionLine({ key, value, reason, other }: Rejection): string {
  return `rejected ${key} "${value}": ${reason}${other === undefined ? '' : ` (${other})`}`;
}
