import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { makeAuthority } from '../support/certificates.ts';
import { cli, waitFor } from '../support/haproxy.ts';
import { DOMAIN } from './host.ts';
import type { Lab } from './lab.ts';
import { openMachine } from './machine.ts';

/** The cloud's load balancer: TLS in front of the hosts, which it asks for their health as ELB does. It retries nothing. */
export interface Balancer extends AsyncDisposable {
  readonly address: string;
  /** The file of its authority, for `curl --cacert`. */
  readonly authority: string;
  /** What its log says of a request, by `?r=`. */
  logOf(request: number): Passed | undefined;
  /** When it last took this host out, by `performance.now()`. */
  tookOut(host: string): number | undefined;
  /** Takes a host in or out, as its console does. */
  set(host: string, state: 'ready' | 'drain'): Promise<void>;
  /** Whether it sends requests to exactly these hosts. */
  sendsTo(hosts: readonly string[]): Promise<boolean>;
}

/** What it did with a request. */
export interface Passed {
  readonly host: string;
  readonly text: string;
}

/** Milliseconds that it takes at most to see that a host does not answer: 2 s, 1 s without an answer, 1 s, 1 s without an answer. */
export const DETECTION = 5_000;

/** Starts it on a machine of its own. */
export async function openBalancer(
  lab: Lab,
  hosts: readonly { readonly name: string; readonly address: string }[],
): Promise<Balancer> {
  const machine = await openMachine(lab, 'lb', 2);
  const { folder, address } = machine;
  const [config, socket] = [path.join(folder, 'lb.cfg'), path.join(folder, 'lb.sock')];
  const { authority, certificate } = await certify(folder, address);
  await writeFile(config, configuration({ address, certificate, socket, hosts }));
  const program = await machine.start('haproxy', ['-db', '-f', config]);
  const states = async () => {
    const said = await cli(socket, 'show stat').catch(() => '');
    return new Map(
      [...said.matchAll(/^hosts,(host-\d+),(?:[^,]*,){15}([^,]*),/gm)].map(([, name = '', state = '']) => [
        name,
        state,
      ]),
    );
  };
  await waitFor(async () => (await states()).size === hosts.length, { what: 'the load balancer' }).catch(
    async (error) => {
      await machine[Symbol.asyncDispose]();
      throw new Error(`${error}\n${program.lines.map(({ text }) => text).join('\n')}`);
    },
  );
  return {
    address,
    authority,
    logOf(number) {
      const mark = `request ${number} `;
      const text = program.lines.find((line) => line.text.includes(mark))?.text;
      return text === undefined ? undefined : { text, host: /host=(\S+)/.exec(text)?.[1] ?? '' };
    },
    tookOut: (host) => program.lines.findLast(({ text }) => text.includes(`hosts/${host} is DOWN`))?.at,
    async set(host, state) {
      await cli(socket, `set server hosts/${host} state ${state}`);
    },
    async sendsTo(names) {
      const up = [...(await states())].filter(([, state]) => state === 'UP').map(([name]) => name);
      return up.toSorted().join() === names.toSorted().join();
    },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

function configuration(given: {
  readonly address: string;
  readonly certificate: string;
  readonly socket: string;
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
}): string {
  return `
global
  log stderr format raw local0
  stats socket ${given.socket} level admin
  nbthread 1

defaults
  mode http
  log global
  log-format "request %[var(txn.r)] host=%s status=%ST end=%ts"
  option forwardfor
  retries 0
  timeout connect 5s
  timeout check 1s
  timeout client 60s
  timeout server 60s

frontend public
  bind ${given.address}:443 ssl crt ${given.certificate} alpn http/1.1
  http-request set-var(txn.r) url_param(r)
  http-request set-header X-Forwarded-Proto https
  default_backend hosts

backend hosts
  option httpchk GET /haproxy-health
  default-server check inter 2s fastinter 1s fall 2 rise 2 on-marked-down shutdown-sessions
${given.hosts.map(({ name, address }) => `  server ${name} ${address}:80`).join('\n')}
`;
}

/** A certificate for the domain, of an authority of its own. */
async function certify(folder: string, address: string): Promise<{ authority: string; certificate: string }> {
  const authority = await makeAuthority(folder, 'ca');
  const file = (name: string) => path.join(folder, name);
  await writeFile(file('lb.ext'), `subjectAltName=DNS:*.${DOMAIN},IP:${address}\n`);
  await execa('openssl', [
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', `/CN=*.${DOMAIN}`, '-keyout', file('lb-key.pem'), '-out', file('lb.csr')],
  ]);
  await execa('openssl', [
    ...['x509', '-req', '-days', '2', '-in', file('lb.csr'), '-CA', authority, '-CAkey', file('ca-key.pem')],
    ...['-CAcreateserial', '-extfile', file('lb.ext'), '-out', file('lb-cert.pem')],
  ]);
  const both = await Promise.all([readFile(file('lb-cert.pem')), readFile(file('lb-key.pem'))]);
  await writeFile(file('lb.pem'), Buffer.concat(both), { mode: 0o600 });
  return { authority, certificate: file('lb.pem') };
}
