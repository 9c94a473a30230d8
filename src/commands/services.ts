import type { Instance, Rejection, Service } from '../model/service.ts';
import { visibleLines, visibleQuoted } from '../model/visible.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { catalogOf, settingsOf } from './open.ts';

/** The flags of `services`. */
export interface ServicesFlags extends FromFlags {
  readonly json?: boolean;
}

/** Prints every service and instance, and every rejected key with its reason. */
export async function services(io: Io, flags: ServicesFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  const catalog = await catalogOf(io, settings, flags.from);
  if (flags.json) {
    const { rejected, ignored, remarks } = catalog;
    const text = JSON.stringify({ services: catalog.services, rejected, remarks, ignored }, null, 2);
    io.out(`${visibleQuoted(text)}\n`);
    return EXIT.fine;
  }
  const blocks = catalog.services.map(describe);
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

function describe(service: Service): string {
  const width = service.instances.reduce((most, { id }) => Math.max(most, id.length), 0);
  return [
    `${service.name}  ${reach(service)}`,
    ...service.instances.map(
      (instance) => `  ${instance.id.padEnd(width)}  ${instance.address}${extras(instance)}`,
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

/** A rejection in one line. */
export function rejectionLine({ key, value, reason, other }: Rejection): string {
  return `rejected ${key} "${value}": ${reason}${other === undefined ? '' : ` (${other})`}`;
}
