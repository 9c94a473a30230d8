import type { Service } from '../model/service.ts';
import { readText } from '../system/read-text.ts';
import type { Add } from './check-outside.ts';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const RESERVED = '/proc/sys/net/ipv4/ip_local_reserved_ports';

/**
 * Says which ports of services lie in the range that the kernel gives connections of this host: whoever is given one first
 * has it, and HAProxy cannot listen there until that connection is over.
 */
export async function checkOwnPorts(services: readonly Service[], add: Add): Promise<void> {
  const own = services.flatMap(({ name, port }) => (port === null ? [] : [{ name, port }]));
  if (own.length === 0) {
    return;
  }
  const [range, reserved] = await Promise.all([readText(RANGE), readText(RESERVED)]);
  const lent = own.filter(({ port }) => isLent(port, range ?? '', reserved ?? ''));
  if (lent.length === 0) {
    return;
  }
  const shown = lent.slice(0, 5).map(({ name, port }) => `${port} (${name})`);
  const more = lent.length > shown.length ? ` and ${lent.length - shown.length} more` : '';
  add(
    'note',
    'ports',
    `${shown.join(', ')}${more}: this host gives ports from ${(range ?? '').trim().replace(/\s+/, ' to ')} to its own connections, and one of them may hold it when HAProxy is to listen there\nTake a port outside, or keep it free: sysctl net.ipv4.ip_local_reserved_ports`,
  );
}

/** Whether the kernel may give a port to a connection: proc(5), `32768\t60999`, and of the reserved ones `8080,9000-9100`. */
export function isLent(port: number, range: string, reserved: string): boolean {
  const [first = 0, last = -1] = range.trim().split(/\s+/).map(Number);
  const isIn = (part: string) => {
    const [from = Number.NaN, to = from] = part.trim().split('-').map(Number);
    return from <= port && port <= to;
  };
  return first <= port && port <= last && !reserved.split(',').some(isIn);
}
