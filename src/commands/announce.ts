import { hostname } from 'node:os';
import { announceLog } from '../announce/announce-log.ts';
import { openEtcdRegistrar } from '../announce/etcd-registrar.ts';
import type { Tell } from '../announce/events.ts';
import { createLeaseFile } from '../announce/lease-file.ts';
import { machineId } from '../announce/machine-id.ts';
import type { Registrar } from '../announce/registrar.ts';
import { keyOf, type Registration, storedValue } from '../announce/registration.ts';
import { asError, messageAndHint, PointsmanError, UsageError } from '../errors.ts';
import { parseInstance } from '../model/instance-value.ts';
import { rest } from '../ports/clock.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { type AnnounceFlags, announceSettings, etcdAccess } from './announce-settings.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

/** Registers one instance of a service for as long as this runs. Ends with 0 at SIGTERM or SIGINT. */
export async function announce(io: Io, flags: AnnounceFlags): Promise<ExitCode> {
  const settings = await announceSettings(io, flags);
  io.hide(secretsOf(settings, io.env));
  const tell = announceLog({ ...settings.log, terminal: io.terminal, write: io.err });
  io.onCrash((error) => tell(crashOf(error)));
  const registration = await registrationOf(settings);
  const { owner = '' } = registration.meta;
  const { stateDir } = settings;
  const access = etcdAccess(settings, io.env);
  tell({
    kind: 'announcing',
    version: io.version,
    what: `${registration.service} at ${registration.address}:${registration.port}`,
    owner,
    endpoints: access.endpoints,
  });
  const registrar = openEtcdRegistrar({
    access,
    prefix: prefixOf(settings),
    ttl: Math.ceil(settings.announce.ttl / 1000),
    adopt: settings.announce.adopt,
    leaseFile: createLeaseFile(stateDir, owner, (error) =>
      tell({ kind: 'notice', ...messageAndHint(error) }),
    ),
    tell,
  });
  void registrar.want([registration]);
  await aborted(io.signal);
  tell({ kind: 'stopping', cause: String(io.signal.reason) });
  await takeOut(registrar, { registrations: [registration], drain: settings.announce.drain, tell });
  tell({ kind: 'stopped' });
  return EXIT.fine;
}

/** Has no new sessions go there, waits for `drain`, and deletes. What never was registered is not waited for. */
async function takeOut(
  registrar: Registrar,
  of: { readonly registrations: readonly Registration[]; readonly drain: number; readonly tell: Tell },
): Promise<void> {
  const keys = registrar.state.registered.length;
  if (keys > 0 && of.drain > 0) {
    of.tell({ kind: 'draining', keys, ms: of.drain });
    void registrar.want(of.registrations.map((one) => ({ ...one, drain: true })));
    await rest(of.drain);
  }
  await registrar.close({ leave: true });
}

async function registrationOf(settings: Settings): Promise<Registration> {
  const { service, port, weight, tags, meta } = settings.announce;
  if (service === undefined || port === undefined) {
    throw new UsageError(`announcing: ${service === undefined ? 'no service' : 'no port'} is named`, {
      hint: 'For example: pointsman announce --service web --port 8080.',
    });
  }
  const name = hostname();
  const { instance = `${name}:${service}:${port}`, host, owner } = settings.announce;
  if (host === undefined) {
    throw new UsageError('announcing: no host is named', { hint: 'Give --host.' });
  }
  const registration: Registration = {
    service,
    instance,
    address: host,
    port,
    ...(weight === undefined ? {} : { weight }),
    tags,
    meta: {
      ...Object.fromEntries(meta.map((one) => splitOnce(one, '='))),
      started: new Date().toISOString(),
      host: name,
      owner: owner ?? `${await machineId(settings.stateDir)}/${service}/${instance}`,
    },
  };
  const key = keyOf(prefixOf(settings), registration);
  const read = parseInstance(key, instance, storedValue(registration));
  if (read.kind === 'bad') {
    throw new UsageError(`announcing ${key}: ${read.reason}`, { hint: 'docs/announce.md has an example.' });
  }
  return registration;
}

function prefixOf({ prefixes }: Settings): string {
  return prefixes.services[0] ?? '/services';
}

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return [text.slice(0, at), text.slice(at + 1)];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}

function crashOf(error: unknown) {
  const message = error instanceof PointsmanError ? error.message : (asError(error).stack ?? String(error));
  return { kind: 'notice', message: `ended by an error of its own: ${message}` } as const;
}
