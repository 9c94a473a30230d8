import { announceLog } from '../announce/announce-log.ts';
import { type AnnounceMetrics, announceMetrics } from '../announce/announce-metrics.ts';
import type { EtcdAccess } from '../announce/etcd-link.ts';
import { openEtcdRegistrar } from '../announce/etcd-registrar.ts';
import type { Tell } from '../announce/events.ts';
import { createLeaseFile } from '../announce/lease-file.ts';
import type { Registrar } from '../announce/registrar.ts';
import { messageAndHint } from '../errors.ts';
import { BackOff } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import type { Settings } from '../settings/settings.ts';
import { refreshOr } from '../sources/etcd-srv.ts';
import { giveBackMemory } from '../system/small-process.ts';
import { etcdAccess } from './announce-settings.ts';
import { serveAnnounce } from './announce-status.ts';
import type { Io } from './io.ts';

/** What every way of announcing works with. */
export interface AnnounceParts {
  readonly io: Io;
  readonly settings: Settings;
  readonly access: EtcdAccess;
  readonly tell: Tell;
  /** Goes by these settings of the log from now on. */
  readonly followLog: (log: Settings['log']) => void;
  readonly metrics: AnnounceMetrics;
}

/** Opens nothing yet but the log. Throws a `UsageError` where the settings name no etcd. */
export function announceParts(io: Io, settings: Settings): AnnounceParts {
  const metrics = announceMetrics();
  const logOf = (by: Settings['log']) => announceLog({ ...by, terminal: io.terminal, write: io.err });
  let log = logOf(settings.log);
  const followLog = (by: Settings['log']) => {
    log = logOf(by);
  };
  const tell: Tell = (event) => {
    metrics.listener(event);
    log(event);
  };
  return { io, settings, access: etcdAccess(settings, io.env), tell, followLog, metrics };
}

/** Below which services stand. */
export function prefixOf({ prefixes }: Settings): string {
  return prefixes.services[0] ?? '/services';
}

/** Milliseconds after which what the start took is given back: it is over by then, and whatever comes first has come. */
const AT_REST = 2_000;

/** What registers for `owner`. It begins at once. */
export function registrarFor({ settings, access, tell }: AnnounceParts, owner: string): Registrar {
  setTimeout(giveBackMemory, AT_REST).unref();
  return openEtcdRegistrar({
    access,
    prefix: prefixOf(settings),
    ttl: Math.ceil(settings.announce.ttl / 1000),
    adopt: settings.announce.adopt,
    leaseFile: createLeaseFile(settings.stateDir, owner, (error) =>
      tell({ kind: 'notice', ...messageAndHint(error) }),
    ),
    tell,
  });
}

/** Serves `/healthz`, `/readyz` and `/metrics` where `announce.listen` says so. Throws a `SystemError`. */
export function statusOf(
  { io, settings, metrics }: AnnounceParts,
  registrar: Registrar,
  { mayBeEmpty }: { readonly mayBeEmpty: boolean },
): Promise<AsyncDisposable> {
  const { listen } = settings.announce;
  const { hosts } = settings.status;
  const state = () => registrar.state;
  return serveAnnounce({ listen, hosts, version: io.version, metrics, state, mayBeEmpty });
}

/**
 * The member of etcd that this machine's address is asked by; where DNS names the members, once it does: it may come later than
 * we do.
 */
export async function firstEndpoint(
  { endpoints, refresh }: EtcdAccess,
  tell: Tell,
  signal: AbortSignal,
): Promise<string> {
  const backOff = new BackOff({ first: 500, longest: 10_000 });
  while (endpoints.length === 0) {
    const error = await refreshOr(refresh, signal);
    if (error !== null) {
      if (backOff.failures === 0) {
        tell({ kind: 'notice', ...messageAndHint(error) });
      }
      await rest(backOff.failed(), signal);
      signal.throwIfAborted();
    }
  }
  return endpoints[0] ?? '';
}
