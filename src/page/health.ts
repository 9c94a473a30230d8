import type { Finding } from '../status/findings.ts';
import type { Status } from '../status/status.ts';
import { isDown, type PageServer, type PageService } from './page-service.ts';

/** So many servers or services are named. */
const SHOWN = 10;

/** What HAProxy says of all servers, in words, and whether that is well. It is another word than that of the configuration. */
export function healthOf({ haproxy }: Pick<Status, 'haproxy'>, services: readonly PageService[]) {
  const known = services.flatMap((service) => service.servers.filter(({ up }) => up !== undefined));
  const count = (...words: readonly PageServer['up'][]) =>
    known.filter(({ up }) => words.includes(up)).length;
  const [up, down, out, unchecked] = [
    count('UP'),
    count('DOWN'),
    count('DRAIN', 'MAINT', 'NOLB'),
    count('no check'),
  ];
  const word =
    haproxy.kind === 'away'
      ? 'HAProxy does not answer'
      : known.length === 0
        ? 'not known'
        : down > 0
          ? `${down} of ${known.length} DOWN`
          : 'none is DOWN';
  const parts = [
    [up, 'up'],
    [out, 'drained'],
    [unchecked, 'not checked'],
  ] as const;
  const more = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return { word, well: haproxy.kind !== 'away' && down === 0, down, more: more.join(', ') };
}

/** What is to be said of servers that are down, first of services that have no other. */
export function downFindings(services: readonly PageService[]): readonly Finding[] {
  const ill = services.filter(({ servers }) => servers.some(isDown));
  const isDead = ({ servers }: PageService) => !servers.some((one) => one.up !== undefined && !isDown(one));
  const dead = ill.filter(isDead).map(({ name, servers }) => {
    const down = servers.filter(isDown);
    const [first] = down;
    const count = down.length === 1 ? 'its one server' : `all ${down.length}`;
    return `${name}: ${count} DOWN${first ? `, ${words(first)}` : ''}`;
  });
  const some = ill
    .filter((service) => !isDead(service))
    .flatMap(({ name, servers }) => servers.filter(isDown).map((one) => `${name}/${words(one)}`));
  return [
    ...finding('none is up', dead, 'HAProxy answers 503 for these: look at the service and at its check'),
    ...finding('DOWN', some, 'HAProxy sends it nothing: look at the service on that host, and at its check'),
  ];
}

function words({ id, address = '', why, since }: PageServer): string {
  const from =
    since === undefined ? '' : ` since ${new Date(since).toISOString().slice(0, 19).replace('T', ' ')}Z`;
  return `${id} (${address})${from}${why === undefined ? '' : `: ${why}`}`;
}

function finding(label: string, items: readonly string[], toDo: string): readonly Finding[] {
  return items.length === 0
    ? []
    : [{ label, area: 'health', items: items.slice(0, SHOWN), count: items.length, toDo }];
}
