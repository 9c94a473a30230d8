import type { Bus } from '../events.ts';
import { type LogOptions, openLog } from './logger.ts';
import { type MetricsOptions, openMetrics } from './metrics.ts';
import {
  type OverdueStep,
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from './server.ts';
import type { ServicesNow } from './services-view.ts';
import type { Status } from './status.ts';
import { type StatusJson, statusJson } from './status-json.ts';
import { trackStatus } from './track-status.ts';

export interface ObserveOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly version: string;
  readonly log: LogOptions;
  readonly listen: StatusServerOptions['listen'];
  readonly hosts: StatusServerOptions['hosts'];
  /** Every service and instance, and how HAProxy has them, by what the events told. */
  readonly services: (current: () => Status) => ServicesNow;
  /** `metrics.services` of the settings. */
  readonly servicesInMetrics: number;
  /** When the certificates of the settings end, looked up anew with each call. */
  readonly certificates: NonNullable<MetricsOptions['certificates']>;
  /** What else answers there, over the same status. */
  readonly more?: (facts: StatusFacts) => Promise<MoreAnswers>;
  /** `performance.now()` of the loop's last turn, of its making before the first; and a step of it that hangs. */
  readonly turns: { readonly last: number; readonly overdue: OverdueStep | null };
}

/** What is known of the daemon. Times are milliseconds since 1970. */
export interface StatusFacts {
  readonly status: () => Status;
  /** Every service and instance, and how HAProxy has them. */
  readonly services: ServicesNow;
  /** When the loop last turned. */
  readonly heartbeat: () => number;
  readonly now: () => number;
}

/** Answers of others on the status server; disposed before it closes. */
export interface MoreAnswers extends Disposable {
  readonly addTo: NonNullable<StatusServerOptions['addMore']>;
}

/** Whoever watches the daemon. */
export interface Observers extends StatusServer {
  /** What `/api/status` answers now. */
  status(): StatusJson;
  /** Every service and instance, and how HAProxy has them. */
  readonly services: ServicesNow;
  /** What the events told so far. */
  current(): Status;
  /** The log is written like this from now on. */
  followLog(options: Pick<LogOptions, 'level' | 'format'>): Promise<void>;
}

/**
 * Subscribes log, status and metrics to the events and starts the server over them. Disposing closes the server
 * at once and writes what the log still holds back. Throws a `SystemError` where the address is taken.
 */
export async function observe(options: ObserveOptions): Promise<Observers> {
  const log = await openLog(options.log);
  const keeper = trackStatus({ version: options.version, now });
  const heartbeat = () => performance.timeOrigin + options.turns.last;
  const { certificates, servicesInMetrics } = options;
  const services = options.services(keeper.current);
  const metrics = await openMetrics({
    ...{ status: keeper.current, heartbeat, certificates, now },
    ...{ services: services.plain, servicesInMetrics },
  });
  const ends = [log, keeper, metrics].map((observer) => options.bus.subscribe(observer.listener));
  const close = () => {
    for (const end of ends) {
      end();
    }
    log[Symbol.dispose]();
  };
  const more = await options.more?.({ status: keeper.current, services, heartbeat, now });
  try {
    const server = await startStatusServer({
      listen: options.listen,
      hosts: options.hosts,
      status: keeper.current,
      metrics,
      heartbeat,
      overdue: () => options.turns.overdue,
      now,
      ...(more ? { addMore: more.addTo } : {}),
    });
    return {
      url: server.url,
      answerOn: server.answerOn,
      status: () => statusJson(keeper.current(), now(), heartbeat()),
      services,
      current: keeper.current,
      followLog: (changed) => log.follow(changed),
      [Symbol.asyncDispose]: async () => {
        more?.[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
        close();
      },
    };
  } catch (error) {
    more?.[Symbol.dispose]();
    close();
    throw error;
  }
}

/** Milliseconds since 1970 that never jump, whatever is done to the machine's clock. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
