import { isIP } from 'node:net';

/** One variable of the environment. */
type Variable = readonly [name: string, value: string];

const TRANSPORT = '(?:TCP|UDP|SCTP)';
/** Names that no setting has, with values that nobody would give one. */
const SHAPES: readonly { readonly name: RegExp; readonly fits: (value: string) => boolean }[] = [
  { name: /_PORT$/, fits: isLink },
  { name: new RegExp(`_PORT_\\d+_${TRANSPORT}(?:_START|_END)?$`), fits: isLink },
  { name: new RegExp(`_PORT_\\d+_${TRANSPORT}_ADDR$`), fits: (value) => isIP(value) !== 0 },
  { name: new RegExp(`_PORT_\\d+_${TRANSPORT}_PORT(?:_START|_END)?$`), fits: isPort },
  { name: new RegExp(`_PORT_\\d+_${TRANSPORT}_PROTO$`), fits: (value) => /^(?:tcp|udp|sctp)$/i.test(value) },
  { name: /_SERVICE_HOST$/, fits: (value) => isIP(value) !== 0 },
  { name: /_SERVICE_PORT(?:_.+)?$/, fits: isPort },
  { name: /_NAME$/, fits: isContainer },
];

/**
 * Whether an orchestrator wrote a variable for a service or a container whose name begins with ours, and nobody meant
 * a setting: Kubernetes gives every pod `POINTSMAN_PORT=tcp://10.0.0.1:80` and its kind where a service is named
 * `pointsman` (or `pointsman-metrics`), Docker does the same where a container is linked. Told by name and value
 * together, so that `POINTSMAN_STATUS_PORT=9290` stays a mistake.
 */
export function isServiceLink(
  [name, value]: Variable,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (SHAPES.some((shape) => shape.name.test(name) && shape.fits(value))) {
    return true;
  }
  // What Docker copies of the linked container's own environment has any name and any value: the link is named beside it.
  return [...name.matchAll(/_ENV_/g)].some(({ index }) =>
    isContainer(env[`${name.slice(0, index)}_NAME`] ?? ''),
  );
}

function isLink(value: string): boolean {
  return /^(?:tcp|udp|sctp):\/\//.test(value);
}

function isPort(value: string): boolean {
  return /^\d{1,5}$/.test(value);
}

/** `/web/db`: this container, and what it calls the other one. */
function isContainer(value: string): boolean {
  return /^\/[^/\s]+\/[^/\s]+$/.test(value);
}
