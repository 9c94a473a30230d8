import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import path from 'node:path';
import {
  type AnnounceContainersOptions,
  ContainerAnnouncer,
  type ContainerNews,
} from '../announce/docker/announce-containers.ts';
import { ownerOfContainer } from '../announce/docker/container-instances.ts';
import { DockerEngine } from '../announce/docker/engine.ts';
import { engineEndpoint } from '../announce/docker/engine-endpoint.ts';
import type { WantedService } from '../announce/docker/wanted-service.ts';
import { allThatAsk, theOneNamed, type WhichContainers } from '../announce/docker/which-containers.ts';
import type { Tell } from '../announce/events.ts';
import { type HostAddress, hostAddress } from '../announce/host-address.ts';
import { machineId } from '../announce/machine-id.ts';
import type { Registrar } from '../announce/registrar.ts';
import { registrarOnDemand } from '../announce/registrar-on-demand.ts';
import { messageAndHint, SystemError, UsageError } from '../errors.ts';
import { BackOff } from '../ports/back-off.ts';
import { aborted, rest } from '../ports/clock.ts';
import type { Settings } from '../settings/settings.ts';
import { acquireLock, LockedError } from '../state/lock.ts';
import { type AnnounceParts, firstEndpoint, registrarFor, statusOf } from './announce-parts.ts';
import { EXIT, type ExitCode } from './io.ts';

/** How long `--leave` waits for the engine and the store before it deletes what it can. */
const LEAVE_LIMIT = 10_000;
/** Milliseconds between two looks whether the one before has ended. */
const LOCK_PAUSE = 500;

/**
 * Announces what the container engine of this host runs: one container, or all that ask for it. At SIGTERM the one is taken
 * out; of all everything stays, for the next start to take up.
 */
export async function announceEngine(options: AnnounceParts): Promise<ExitCode> {
  const { io, settings, access, tell } = options;
  const { leave } = settings.announce;
  const which = whichOf(settings);
  await using _alone = settings.announce.all ? await aloneOn(options) : undefined;
  if (io.signal.aborted) {
    return EXIT.fine;
  }
  const { env } = io;
  using engine = new DockerEngine(
    engineEndpoint(settings.announce.engine, { env, home: homedir(), exists: existsSync }),
  );
  const machine = await machineId(settings.stateDir);
  const owner = settings.announce.owner ?? ownerOfContainer(machine, settings.announce.container ?? '*');
  tell({ kind: 'announcing', version: io.version, what: which.what, owner, endpoints: access.endpoints });
  const address = await addressOf(options);
  const open = () => registrarFor(options, owner);
  const registrar = leave ? open() : registrarOnDemand(open);
  await using _status = await statusOf(options, registrar, { mayBeEmpty: settings.announce.all });
  const all: AnnounceContainersOptions = {
    engine,
    ...which,
    host: { address, name: hostname(), machine, owner: settings.announce.owner },
    want: (registrations) => void registrar.want(registrations),
    drain: settings.announce.drain,
    checks: checksOf(settings),
    tell: (news) => tellContainers(news, engine.name, tell),
  };
  if (leave) {
    return await leaveHost(options, all, registrar);
  }
  const end = new AbortController();
  const announcer = new ContainerAnnouncer(all);
  const running = announcer.run(end.signal);
  await Promise.race([aborted(io.signal), running]);
  tell({ kind: 'stopping', cause: String(io.signal.reason) });
  if (!settings.announce.all) {
    announcer.leave();
    await drained(registrar, options);
  }
  end.abort();
  await running;
  await registrar.close({ leave: !settings.announce.all });
  tell({ kind: 'stopped' });
  return EXIT.fine;
}

/**
 * Two of a host would take each other's keys out: a second one waits for the end of the first, as in an upgrade that
 * starts the new one before it ends the old. `--leave` does not wait.
 */
async function aloneOn({ io, settings, tell }: AnnounceParts): Promise<AsyncDisposable> {
  const stateDir = path.join(settings.stateDir, 'announce');
  let isTold = false;
  while (!io.signal.aborted) {
    try {
      return await acquireLock({ stateDir, outputPath: path.join(stateDir, 'all'), verb: 'announce --all' });
    } catch (error) {
      if (!(error instanceof LockedError)) {
        // A folder that cannot be written is no reason to announce nothing.
        tell({ kind: 'notice', ...messageAndHint(error) });
        break;
      }
      if (settings.announce.leave) {
        throw new SystemError(
          'taking this host out: its announce --all still runs, and would bring it back',
          {
            hint: 'End that first.',
            cause: error,
          },
        );
      }
      if (!isTold) {
        isTold = true;
        tell({
          kind: 'notice',
          message: 'another announce --all of this host runs: this one waits for its end',
        });
      }
      await rest(LOCK_PAUSE, io.signal);
    }
  }
  return { [Symbol.asyncDispose]: async () => undefined };
}

/** Drains and deletes everything that this host has announced, what it does not run any more included. */
async function leaveHost(
  options: AnnounceParts,
  all: AnnounceContainersOptions,
  registrar: Registrar,
): Promise<ExitCode> {
  const { io, tell } = options;
  const stored = Promise.withResolvers<void>();
  const announcer = new ContainerAnnouncer({
    ...all,
    want: (registrations) => void registrar.want(registrations).then(stored.resolve),
  });
  const end = new AbortController();
  announcer.leave();
  const running = announcer.run(end.signal);
  await Promise.race([stored.promise, rest(LEAVE_LIMIT, io.signal)]);
  await drained(registrar, options);
  end.abort();
  await running;
  await registrar.close({ leave: true });
  const { registered, awaySince, refused } = registrar.state;
  tell({ kind: 'stopped' });
  if (refused.size > 0) {
    throw new SystemError(`taking this host out: etcd refuses ${[...refused.keys()].join(', ')}`, {
      hint: 'They go with their lease. The log says what would let them go before.',
    });
  }
  if (registered.length === 0 && awaySince === null) {
    return EXIT.fine;
  }
  throw new SystemError('taking this host out: etcd did not answer in time', {
    hint: 'What is registered goes with its lease. Where it shall go before, call this again when etcd answers.',
  });
}

/** Waits for the drain where anything is registered. */
async function drained(registrar: Registrar, { settings, tell }: AnnounceParts): Promise<void> {
  const keys = registrar.state.registered.length;
  const ms = settings.announce.drain;
  if (keys > 0 && ms > 0) {
    tell({ kind: 'draining', keys, ms });
    await rest(ms);
  }
}

function whichOf({ announce }: Settings): WhichContainers & { readonly what: string } {
  const { all, container, service, port, registratorLabels } = announce;
  if (announce.exec !== undefined) {
    throw new UsageError('announcing containers: --exec is for a service that is our child', {
      hint: 'The engine runs the containers: leave --exec out.',
    });
  }
  if (all) {
    const other = (['container', 'service', 'port', 'instance'] as const).find(
      (name) => announce[name] !== undefined,
    );
    if (other !== undefined) {
      throw new UsageError(`announcing: --all and --${other} do not go together`, {
        hint: 'With --all each container says by its labels what it is: docs/announce.md has them.',
      });
    }
    const labels = registratorLabels ? "pointsman.service, or in registrator's way" : 'pointsman.service';
    return { ...allThatAsk(registratorLabels), what: `every container with the label ${labels}` };
  }
  if (container === undefined || service === undefined) {
    throw new UsageError('announcing a container: no service is named', {
      hint: 'For example: pointsman announce --service web --container web --container-port 8080.',
    });
  }
  if (port !== undefined) {
    throw new UsageError('announcing a container: --port is for what the engine does not know', {
      hint: 'Give the port inside of the container with --container-port: where it is published is asked for.',
    });
  }
  return {
    ...theOneNamed(container, wantedOf(announce, service)),
    what: `${service} by the container ${container}`,
  };
}

function wantedOf(announce: Settings['announce'], service: string): WantedService {
  const { containerPort = null, instance, weight, tags, meta, check } = announce;
  return {
    service,
    port: containerPort,
    ...(instance === undefined ? {} : { instance }),
    ...(weight === undefined ? {} : { weight }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(meta.length === 0 ? {} : { meta: Object.fromEntries(meta.map(splitAtEquals)) }),
    ...(check === undefined ? {} : { check: { text: check, from: '--check' } }),
  };
}

function checksOf({ announce }: Settings): NonNullable<AnnounceContainersOptions['checks']> {
  return { every: announce.interval, rise: announce.rise, fall: announce.fall };
}

/** At the boot of a machine its network may come later. */
async function addressOf({ io, settings, access, tell }: AnnounceParts): Promise<HostAddress> {
  const { host, interface: network } = settings.announce;
  const backOff = new BackOff({ first: 500, longest: 10_000 });
  for (;;) {
    try {
      return await hostAddress({
        host,
        interface: network,
        endpoint: await firstEndpoint(access, tell, io.signal),
      });
    } catch (error) {
      if (!(error instanceof SystemError)) {
        throw error;
      }
      if (backOff.failures === 0) {
        tell({ kind: 'notice', ...messageAndHint(error) });
      }
      await rest(backOff.failed(), io.signal);
      io.signal.throwIfAborted();
    }
  }
}

function tellContainers(news: ContainerNews, engine: string, tell: Tell): void {
  switch (news.kind) {
    case 'health': {
      const { what, health } = news;
      const why = health.kind === 'well' ? 'its checks are good' : health.reason;
      tell({ kind: 'health', what, well: health.kind === 'well', why });
      return;
    }
    case 'unchecked':
      tell(news);
      return;
    case 'engine-away':
      tell({ kind: 'engine-away', engine, ...messageAndHint(news.error) });
      return;
    case 'engine-here':
      tell({ kind: 'engine-here', engine });
      return;
    case 'complaint':
      tell({ kind: 'container-complaint', container: news.container, message: news.message });
      return;
    case 'ending':
      tell({ kind: 'container-ending', container: news.container, signal: news.signal });
      return;
    case 'lives-on':
      tell({ kind: 'container-lives-on', container: news.container });
      return;
    default:
      news satisfies never;
  }
}

function splitAtEquals(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}
