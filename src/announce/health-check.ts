import { UsageError } from '../errors.ts';

/** How an instance is asked whether it is well. */
export type HealthCheck =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'http'; readonly url: string };

/** The address that an instance announces: what is well there is well for those who will come. */
export interface CheckedAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads a check: `tcp`, `/path` (a GET at the announced address), or `http://host:port/path` for a place of its own.
 *
 * @throws UsageError where it is none; `what` names it (`--check`, a label)
 */
export function readHealthCheck(text: string, at: CheckedAddress, what: string): HealthCheck {
  const { host, port } = at;
  if (text === 'tcp') {
    return { kind: 'tcp', host, port };
  }
  const url = text.startsWith('/')
    ? URL.parse(text, `http://${host.includes(':') ? `[${host}]` : host}:${port}`)
    : /^http:\/\//i.test(text)
      ? URL.parse(text)
      : null;
  if (url === null || url.username !== '' || url.password !== '') {
    throw new UsageError(`reading ${what}: "${text}" is no check`, {
      hint: 'It is tcp, a path such as /healthz (asked for at the announced address), or http://host:port/path.',
    });
  }
  return { kind: 'http', url: url.href };
}
