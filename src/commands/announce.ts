import { hostname } from 'node:os';
import type { Tell } from '../announce/events.ts';
import { type Health, type HealthOptions, watchHealth } from '../announce/health.ts';
import { readHealthCheck } from '../announce/health-check.ts';
import { hostAddress } from '../announce/host-address.ts';
import { runUnderInit } from '../announce/init.ts';
import { machineId } from '../announce/machine-id.ts';
import type { Registrar } from '../announce/registrar.ts';
import { keyOf, type Registration, storedValue } from '../announce/registration.ts';
import { asError, PointsmanError, UsageError } from '../errors.ts';
import { parseInstance } from '../model/instance-value.ts';
import { aborted, rest } from '../ports/clock.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { announceOnce } from './announce-once.ts';
import {
  type AnnounceParts,
  announceParts,
  firstEndpoint,
  prefixOf,
  registrarFor,
  statusOf,
} from './announce-parts.ts';
import { tellOfRestart } from './announce-restart.ts';
import { type AnnounceFlags, announceSettings } from './announce-settings.ts';
import { EXIT, type Io } from './io.ts';
import { type RunningService, runService } from './run-service.ts';

/** Registers one instance of a service for as long as this runs. Ends with 0 at SIGTERM or SIGINT. */
export async function announce(io: Io, flags: AnnounceFlags, command: readonly string[]): Promise<number> {
  const settings = await announceSettings(io, flags, command);
  const { exec, drain, once, timeout } = settings.announce;
  if (exec !== undefined) {
    runUnderInit(io.program);
  }
  io.endsWithin(exec === undefined ? drain + LONGEST_END : null);
  io.hide(secretsOf(settings, io.env));
  const parts = announceParts(io, settings);
  const { tell, access } = parts;
  io.onCrash((error) => tell(crashOf(error)));
  refuseUnlike(settings);
  tellOfRestart({
    ...{ settings, tell, signal: io.signal },
    load: () => announceSettings(io, flags, command),
  });
  if (settings.announce.all || settings.announce.container !== undefined) {
    const { announceEngine } = await import('./announce-engine.ts');
    return await announceEngine(parts);
  }
  const registration = await registrationOf(parts);
  const check = checkOf(settings, registration);
  if (once) {
    return await announceOnce(parts, { registration, check, timeout });
  }
  const { owner = '' } = registration.meta;
  tell({
    kind: 'announcing',
    version: io.version,
    what: `${registration.service} at ${registration.address}:${registration.port}`,
    owner,
    endpoints: access.endpoints,
  });
  const registrar = registrarFor(parts, owner);
  await using _status = await statusOf(parts, registrar, { mayBeEmpty: false });
  const stop = new AbortController();
  const service = exec === undefined ? null : await runService(exec, { io, tell, stop });
  const over = AbortSignal.any([io.signal, stop.signal]);
  const followed = followHealth(check, {
    what: `${registration.service} at ${registration.address}:${registration.port}`,
    tell,
    onWell: () => void registrar.want([registration]),
    onUnwell: () => void registrar.want([]),
    // A child has just been started: whatever is registered was an earlier one's.
    firstChecks: exec === undefined ? FIRST_CHECKS : 0,
    signal: over,
  });
  await aborted(over);
  await followed;
  if (service === null || service.runs()) {
    tell({ kind: 'stopping', cause: String(over.reason) });
    await takeOut(registrar, { registrations: [registration], drain, tell, service });
  } else {
    await registrar.close({ leave: true });
  }
  const code = service === null ? EXIT.fine : await service.end(over.reason);
  tell({ kind: 'stopped' });
  return code;
}

/** Throws a `UsageError` where `once` is asked for beside what goes on, and `leave` without a host to leave. */
function refuseUnlike({ announce: { once, exec, all, container, leave } }: Settings): void {
  if (leave && !all) {
    throw new UsageError('announcing: --leave is for --all', {
      hint: 'The partner of one service takes it out by itself when it is told to end.',
    });
  }
  const other = exec !== undefined ? 'exec' : all ? 'all' : container === undefined ? null : 'container';
  if (once && other !== null) {
    throw new UsageError(`announcing: --once and --${other} do not go together`, {
      hint: '--once registers one service by its --port, and ends.',
    });
  }
}

/** Milliseconds beside the drain in which everything has to come to its end after a signal. */
const LONGEST_END = 9_000;

/** Milliseconds for the checks of a start, which are 100 ms apart. */
const FIRST_CHECKS = 1_000;

interface HealthFollower {
  readonly what: string;
  readonly tell: Tell;
  onWell(): void;
  onUnwell(): void;
  /** Milliseconds for which what is not well at the start is not taken out. */
  readonly firstChecks: number;
  readonly signal: AbortSignal;
}

/**
 * What is not checked is well. What was registered before this start stays for the first checks: one that is bad just then must
 * not take it out.
 */
async function followHealth(
  check: HealthOptions | null,
  { what, tell, onWell, onUnwell, firstChecks, signal }: HealthFollower,
): Promise<void> {
  if (check === null) {
    onWell();
    return;
  }
  let isKnown = false;
  const onChange = (health: Health) => {
    const well = health.kind === 'well';
    tell({ kind: 'health', what, well, why: health.kind === 'well' ? 'its checks are good' : health.reason });
    if (well) {
      isKnown = true;
      onWell();
    } else if (isKnown) {
      onUnwell();
    }
  };
  const watching = watchHealth(check, onChange, signal);
  await rest(firstChecks, signal);
  if (!isKnown && !signal.aborted) {
    isKnown = true;
    onUnwell();
  }
  await watching;
}

/** A service that was just started listens only later: so where it is our child, it is checked in any case. */
function checkOf({ announce }: Settings, { address, port }: Registration): HealthOptions | null {
  const { check = announce.exec === undefined ? undefined : 'tcp', rise, fall, interval } = announce;
  if (check === undefined) {
    return null;
  }
  const read = readHealthCheck(check, { host: address, port }, 'announce.check');
  return { check: read, every: interval, rise, fall };
}

/** Has no new sessions go there, waits for `drain`, and deletes. What never was registered is not waited for. */
async function takeOut(
  registrar: Registrar,
  of: {
    readonly registrations: readonly Registration[];
    readonly drain: number;
    readonly tell: Tell;
    readonly service: RunningService | null;
  },
): Promise<void> {
  const keys = registrar.state.registered.length;
  if (keys > 0 && of.drain > 0) {
    of.tell({ kind: 'draining', keys, ms: of.drain });
    void registrar.want(of.registrations.map((one) => ({ ...one, drain: true })));
    // Who is gone needs no drain.
    await rest(of.drain, of.service?.gone ?? new AbortController().signal);
  }
  await registrar.close({ leave: true });
}

async function registrationOf({ io, settings, access, tell }: AnnounceParts): Promise<Registration> {
  const { service, port, weight, tags, meta } = settings.announce;
  if (service === undefined || port === undefined) {
    throw new UsageError(`announcing: ${service === undefined ? 'no service' : 'no port'} is named`, {
      hint: 'For example: pointsman announce --service web --port 8080.',
    });
  }
  const name = hostname();
  const { instance = `${name}:${service}:${port}`, owner } = settings.announce;
  const { host } = await hostAddress({
    host: settings.announce.host,
    interface: settings.announce.interface,
    endpoint: await firstEndpoint(access, tell, io.signal),
  });
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

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return [text.slice(0, at), text.slice(at + 1)];
}

function crashOf(error: unknown) {
  const message = error instanceof PointsmanError ? error.message : (asError(error).stack ?? String(error));
  return { kind: 'notice', message: `ended by an error of its own: ${message}` } as const;
}
