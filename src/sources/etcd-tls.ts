import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ClientOptions, VerifyOptions } from '@grpc/grpc-js';
import { SourceError } from '../errors.ts';
import { type EtcdUser, userOf } from './etcd-denied.ts';
import type { EtcdSourceOptions } from './etcd-options.ts';
import { readSecret } from './read-secret.ts';

/** What is sent as the server's name where the endpoint is an address, which TLS does not allow as one (RFC 6066, 3). */
const NAME_OF_AN_ADDRESS = 'etcd';

/**
 * The grpc options for an endpoint with TLS: the system's authorities unless `tls.ca` names others, and the client
 * certificate where there is one, with whom it stands for. Files are read anew with each call.
 *
 * The channel is made here because etcd3 takes no verification of its own, and grpc gives an address to Node as the
 * server's name: Node 22 and 24 warn of that (DEP0123), newer ones refuse it. So an address goes out under another
 * name, while the certificate must still be made out for the address itself.
 */
export async function tlsOptions(
  endpoint: string,
  { tls }: EtcdSourceOptions,
): Promise<ClientOptions & { readonly bearer: EtcdUser | null }> {
  const [{ Channel, credentials }, ca, chain, key] = await Promise.all([
    import('@grpc/grpc-js'),
    tls?.ca === undefined ? null : readSecret('tls.ca', tls.ca),
    tls?.cert === undefined ? null : readSecret('tls.cert', tls.cert),
    tls?.key === undefined ? null : readSecret('tls.key', tls.key),
  ]);
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  const byAddress = isIP(host) !== 0;
  const verify: VerifyOptions = {
    checkServerIdentity: (name, certificate) => checkServerIdentity(byAddress ? host : name, certificate),
  };
  const secure = fitting(() =>
    chain && key
      ? credentials.createSsl(ca, key, chain, verify)
      : credentials.createSsl(ca, null, null, verify),
  );
  return {
    bearer: chain ? userOf(chain) : null,
    ...(byAddress ? { 'grpc.ssl_target_name_override': NAME_OF_AN_ADDRESS } : {}),
    channelFactoryOverride: (address, _, options) => new Channel(address, secure, options),
  };
}

/** The files of a renewal are not replaced at one moment. Throws a `SourceError` that says so. */
function fitting<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new SourceError(`using tls.ca, tls.cert and tls.key of the etcd source: ${found}`, {
      hint: 'while they are renewed this heals by itself; else each has to be PEM, and the key that of the certificate',
      cause,
    });
  }
}
