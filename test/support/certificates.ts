import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Makes a CA, a server certificate for 127.0.0.1 and a client certificate in `folder`, with openssl. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => join(folder, name);
  await makeAuthority(folder, 'ca');
  await sign(
    folder,
    'server',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  await sign(folder, 'client', 'extendedKeyUsage=clientAuth\n');
  return {
    ca: path('ca.pem'),
    serverCert: path('server.pem'),
    serverKey: path('server-key.pem'),
    clientCert: path('client.pem'),
    clientKey: path('client-key.pem'),
  };
}

/** Makes a self-signed CA as `NAME.pem` and `NAME-key.pem`. */
export async function makeAuthority(folder: string, name: string, days = 2): Promise<string> {
  const cert = join(folder, `${name}.pem`);
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...[
      '-days',
      `${days}`,
      '-subj',
      `/CN=pointsman test ${name}`,
      '-keyout',
      join(folder, `${name}-key.pem`),
      '-out',
      cert,
    ],
  ]);
  return cert;
}

/** Makes another client certificate of the same authority, as `NAME.pem` and `NAME-key.pem`. @default 2 days */
export async function makeClient(folder: string, name: string, days = 2): Promise<void> {
  await sign(folder, name, 'extendedKeyUsage=clientAuth\n', days);
}

async function sign(folder: string, name: string, extensions: string, days = 2): Promise<void> {
  const path = (file: string) => join(folder, file);
  await writeFile(path(`${name}.ext`), extensions);
  await run('openssl', [
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', `/CN=${name}`, '-keyout', path(`${name}-key.pem`), '-out', path(`${name}.csr`)],
  ]);
  await run('openssl', [
    ...['x509', '-req', '-days', `${days}`, '-in', path(`${name}.csr`), '-CA', path('ca.pem')],
    ...[
      '-CAkey',
      path('ca-key.pem'),
      '-CAcreateserial',
      '-extfile',
      path(`${name}.ext`),
      '-out',
      path(`${name}.pem`),
    ],
  ]);
}
