import { SourceError } from '../errors.ts';
import { shorten } from '../model/shorten.ts';
import { type Explained, ruleFor } from './etcd-error-rules.ts';
import type { EtcdSourceOptions } from './etcd-options.ts';
import { whyNoTunnel } from './http-proxy.ts';

/** More of another program's words is not shown. */
const LONGEST = 300;
const CLOSED = /ECONNRESET|EPIPE|socket hang up|Connection dropped|GOAWAY|closed|No connection established/i;

/**
 * Says what an error of `endpoint` means. Where the endpoint has answered before on this connection, what ended it is
 * not the way to get there.
 */
export function explainEtcdError(
  error: unknown,
  endpoint: string,
  options: EtcdSourceOptions & { readonly hasAnswered?: boolean },
): Explained {
  if (error instanceof SourceError) {
    return { found: error.message, hint: error.hint };
  }
  const text = withoutSecret(error instanceof Error ? error.message : String(error), options);
  const refusal = options.proxy === 'environment' && !options.hasAnswered ? whyNoTunnel(endpoint) : null;
  if (refusal !== null) {
    return {
      found: refusal,
      hint: 'have it let CONNECT through to this endpoint, name the host in no_proxy, or set etcd.proxy: none',
    };
  }
  const found = ruleFor(text);
  if (found) {
    return found;
  }
  const said = /etcdserver: (.*)/s.exec(text)?.[1];
  if (said !== undefined) {
    return { found: `etcd says "${shorten(said, LONGEST)}"` };
  }
  if (!CLOSED.test(text)) {
    return { found: shorten(text, LONGEST) };
  }
  return { found: 'it closed the connection', hint: whyClosed(endpoint, options.hasAnswered === true) };
}

function whyClosed(endpoint: string, hasAnswered: boolean): string {
  if (hasAnswered) {
    return 'was etcd stopped there, or does something in between cut connections?';
  }
  return endpoint.startsWith('http:')
    ? 'if etcd serves TLS on this port, write https:// in "endpoints"'
    : 'if etcd serves no TLS on this port, write http:// in "endpoints"; if it asks for a client certificate, set tls.cert and tls.key';
}

/** The error for people when none of the endpoints helped: names each with what was found there. */
export function etcdError(
  failures: ReadonlyMap<string, Explained>,
  doing: string,
  cause?: unknown,
): SourceError {
  const parts = [...failures].map(([endpoint, { found }]) => `${endpoint}: ${found}`);
  const hint = [...failures.values()].find((failure) => failure.hint !== undefined)?.hint;
  return new SourceError(`${doing}: ${parts.join('; ')}`, { hint, cause });
}

function withoutSecret(text: string, { password }: EtcdSourceOptions): string {
  return password === undefined || password === '' ? text : text.replaceAll(password, '***');
}
