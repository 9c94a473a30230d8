import { wordsOfHand } from '../events-haproxy.ts';
import type { DrainedBy, ServerHealth } from '../ports/server-health.ts';
import type { DetailedInstance, DetailedService, DetailedServices, InstanceCounts } from './services-view.ts';

/** So many servers that are no service's are named. */
const MOST_OTHERS = 20;

/** Every service with its instances, and what is kept, set aside, rejected and worth a look, for people. `now` is in milliseconds since 1970. */
export function servicesText(all: DetailedServices, now: number): string {
  const { services, kept, rejected, remarks, others } = all;
  const mark = (one: DetailedInstance) =>
    [...stateOf(one), ...healthOf(one, all, now)].map((word) => `  ${word}`).join('');
  const setAside = services.flatMap(({ instances }) =>
    instances.filter(({ state }) => state === 'set aside'),
  );
  const blocks = [
    services.flatMap((service) => (service.mode === null ? [] : [describe(service, all, mark)])).join('\n\n'),
    block(
      'kept in their last good form',
      kept.flatMap(({ key, form, reason }) => [`${key}  "${form}"`, `  ${reason}`]),
    ),
    block(
      'set aside',
      setAside.flatMap(({ key, why }) => [key, `  ${why}`]),
    ),
    block(
      'rejected',
      rejected.flatMap(({ key, value, reason, other }) => [
        `${key}  "${value}"`,
        `  ${reason}${other === undefined ? '' : `: ${other}`}`,
      ]),
    ),
    block("in HAProxy, and no service's", namedOthers(others)),
    block(
      'to look at',
      remarks.map(({ message }) => message),
    ),
  ];
  return blocks.filter((one) => one !== '').join('\n\n');
}

function block(title: string, lines: readonly string[]): string {
  return lines.length === 0
    ? ''
    : [title, ...lines.map((line) => `  ${line.replaceAll('\n', '\n    ')}`)].join('\n');
}

function namedOthers(others: DetailedServices['others']): readonly string[] {
  const named = others
    .slice(0, MOST_OTHERS)
    .map((one) => `${one.backend}/${one.server}  ${one.address}  ${serverWords(one)}`);
  return others.length > MOST_OTHERS ? [...named, `and ${others.length - MOST_OTHERS} more`] : named;
}

/** `mark`: what else there is to say of an instance. */
function describe(
  service: DetailedService,
  { haproxy }: Pick<DetailedServices, 'haproxy'>,
  mark: (instance: DetailedInstance) => string,
): string {
  const served = service.instances.filter(({ address }) => address !== null);
  const width = served.reduce((most, { id }) => Math.max(most, id.length), 0);
  const health = haproxy.seen && served.length > 0 ? `  (${summary(service.counts)})` : '';
  return [
    `${service.name}  ${reach(service)}${health}`,
    ...served.map((one) => `  ${one.id.padEnd(width)}  ${one.address}${extras(one)}${mark(one)}`),
    ...(served.length === 0 ? ['  no instance'] : []),
  ].join('\n');
}

function summary({ up, down, drain, maint, unchecked, notRunning }: InstanceCounts): string {
  const all = [
    [up, 'UP'],
    [down, 'DOWN'],
    [drain, 'DRAIN'],
    [maint, 'MAINT'],
    [unchecked, 'without a check'],
    [notRunning, 'not in HAProxy'],
  ] as const;
  return all.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])).join(', ');
}

function reach({ mode, hosts, paths, port, expose }: DetailedService): string {
  const places = [
    ...(hosts.length > 0 ? [`hosts ${hosts.join(', ')}`] : []),
    ...(paths.length > 0 ? [`paths ${paths.join(', ')}`] : []),
    ...(port === null ? [] : [`port ${port}`]),
    ...(expose ? [] : ['not exposed']),
  ];
  return [mode, ...places].join('  ');
}

function extras({ weight, maxconn, backup, drain, tags }: DetailedInstance): string {
  const words = [
    ...(drain ? ['drain'] : weight === null ? [] : [`weight ${weight}`]),
    ...(maxconn === null ? [] : [`maxconn ${maxconn}`]),
    ...(backup ? ['backup'] : []),
    ...tags.map((tag) => `#${tag}`),
  ];
  return words.length === 0 ? '' : `  ${words.join(' ')}`;
}

function stateOf({ state, why, until }: DetailedInstance): readonly string[] {
  switch (state) {
    case 'held':
      return [`held (${why}) ${until === null ? 'until it is back' : `until ${until.slice(11, 19)}Z`}`];
    case 'kept':
      return ['kept'];
    default:
      return [];
  }
}

/** How HAProxy has it, and what a person set of it on HAProxy's socket. */
function healthOf(
  { id, address, running, servers }: DetailedInstance,
  { setByHand }: Pick<DetailedServices, 'setByHand'>,
  now: number,
): readonly string[] {
  const byHand = setByHand.find((one) => one.address === address && one.server === id);
  const [first, ...others] = servers;
  const isSaid = first?.drainedBy === 'hand' && byHand !== undefined;
  const since = byHand === undefined ? '' : ` for ${minutesOf(Date.parse(byHand.since), now)}`;
  const words =
    running === false
      ? ['not in HAProxy']
      : others.length > 0
        ? servers.map((one) => `${one.backend}: ${serverWords(one)}`)
        : first
          ? [serverWords(first, since)]
          : [];
  return byHand && !isSaid ? [...words, `${wordsOfHand(byHand)} by hand${since}`] : words;
}

/** How long ago a moment is, in minutes. */
export function minutesOf(since: number, now: number): string {
  return `${Math.max(0, Math.round((now - since) / 60_000))} min`;
}

const BY: Readonly<Record<DrainedBy, string>> = {
  registration: ' by its key',
  template: ' by the template',
  agent: ' by its agent',
  hand: ' by hand',
  'tracked server': ' by the server that it tracks',
  resolvers: ': its name has no address',
};

/** `byHandFor`: how long it has been set by hand, where that is known. */
function serverWords(
  { status, word, why, seconds, drainedBy, sessions, rate, errors5xx }: ServerHealth,
  byHandFor = '',
): string {
  const isMoving = / -?\d+\/\d+$/.test(word);
  const is = isMoving && why !== null ? word : status;
  const long = status === 'DOWN' ? ` for ${spanOf(seconds)}` : '';
  const by = drainedBy === null ? '' : `${BY[drainedBy]}${drainedBy === 'hand' ? byHandFor : ''}`;
  const figures = [
    ...(sessions > 0 ? [`${sessions} session${sessions === 1 ? '' : 's'}`] : []),
    ...(rate > 0 ? [`${rate}/s`] : []),
    ...(errors5xx > 0 ? [`${errors5xx} x 5xx`] : []),
  ];
  return [`${is}${long}${by}${why === null ? '' : `: ${why}`}`, ...figures].join(', ');
}

function spanOf(seconds: number): string {
  const [value, unit] =
    seconds < 100 ? [seconds, 's'] : seconds < 6_000 ? [seconds / 60, 'min'] : [seconds / 3_600, 'h'];
  return `${Math.round(value)} ${unit}`;
}
