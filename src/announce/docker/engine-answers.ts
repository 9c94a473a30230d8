import { SystemError } from '../../errors.ts';

/** How well the engine's own health check finds a container; `none` where it has no check. */
export type EngineHealth = 'none' | 'starting' | 'healthy' | 'unhealthy';

/** One TCP port of a container that the engine publishes at the host. */
export interface Binding {
  /** The port inside of the container. */
  readonly container: number;
  /** The port of the host. */
  readonly host: number;
  /** The address of the host that it listens on: `0.0.0.0`, `::`, one of the host's, or empty for all. */
  readonly ip: string;
}

/** Whose network a container has. */
export type ContainerNetwork =
  | { readonly kind: 'own' }
  | { readonly kind: 'host' }
  /** That of another container, by id or name. */
  | { readonly kind: 'of'; readonly container: string };

/** What we read of a container. */
export interface Container {
  readonly id: string;
  /** Without the slash that the engine writes before it. */
  readonly name: string;
  /** The reference that it was made from: `web:git-1a2b3c4`. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** `running`, `paused`, `restarting`, `exited` and so on: only the first serves. */
  readonly state: string;
  /** When it was started last, as the engine writes it. */
  readonly startedAt: string;
  readonly health: EngineHealth;
  /** What ends it in order: `SIGTERM`, `15`, `QUIT`. */
  readonly stopSignal: string;
  /** Seconds that `docker stop` waits before it kills. */
  readonly stopTimeout: number;
  readonly network: ContainerNetwork;
  readonly bindings: readonly Binding[];
}

/** What a list says of a container. */
export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
  /** Differs where anything that we read of the container may have changed. */
  readonly print: string;
}

/** Something that happened to a container. It is a hint: the truth is what is asked for afterwards. */
export interface EngineEvent {
  /** `start`, `die`, `kill`, `health_status: healthy` and so on. */
  readonly action: string;
  readonly id: string;
  readonly name: string;
  /** Of `kill`: its number; null where the engine does not say. */
  readonly signal: number | null;
}

type Raw = Readonly<Record<string, unknown>>;

const STOP_SIGNAL = 'SIGTERM';
const STOP_TIMEOUT = 10;

/*
 * The one place where answers of an engine become types of ours. Docker, podman and their versions leave different
 * things out: what is missing is null, an empty text or an empty list in one of them.
 */

/** The versions of the API that an engine serves. */
export function versionAnswer(raw: unknown): {
  readonly newest: string | null;
  readonly oldest: string | null;
} {
  const answer = object(raw);
  return { newest: text(answer.ApiVersion), oldest: text(answer.MinAPIVersion) };
}

/** @throws SystemError where it is no container */
export function containerAnswer(raw: unknown): Container {
  const answer = object(raw);
  const config = object(answer.Config);
  const state = object(answer.State);
  const id = text(answer.Id);
  if (id === null) {
    throw new SystemError('reading what the engine says of a container: it has no Id');
  }
  const mode = text(object(answer.HostConfig).NetworkMode) ?? '';
  const timeout = config.StopTimeout;
  return {
    id,
    name: withoutSlash(text(answer.Name) ?? ''),
    image: text(config.Image) ?? '',
    labels: texts(config.Labels),
    env: environment(config.Env),
    state: text(state.Status) ?? '',
    startedAt: text(state.StartedAt) ?? '',
    health: healthOf(text(object(state.Health ?? state.Healthcheck).Status)),
    stopSignal: signalText(config.StopSignal),
    stopTimeout: typeof timeout === 'number' ? timeout : STOP_TIMEOUT,
    network: networkOf(mode),
    bindings: bindingsOf(object(object(answer.NetworkSettings).Ports)),
  };
}

/** Every container of a list; those without an id are left out. */
export function listAnswer(raw: unknown): Listed[] {
  return list(raw).flatMap((one) => {
    const answer = object(one);
    const id = text(answer.Id);
    if (id === null) {
      return [];
    }
    const { Names, Image, Labels, State, Ports } = answer;
    const names = list(Names).flatMap((name) => text(name) ?? []);
    return [
      {
        id,
        name: withoutSlash(names[0] ?? ''),
        labels: texts(Labels),
        state: (text(State) ?? '').toLowerCase(),
        print: JSON.stringify([names, Image, Labels, State, portsPrint(Ports), healthWord(answer)]),
      },
    ];
  });
}

/** One line of the stream of events, or null where it is about no container. */
export function eventAnswer(line: string): EngineEvent | null {
  const answer = object(parseJson(line));
  const actor = object(answer.Actor);
  const [id, action] = [text(actor.ID), text(answer.Action)];
  if (id === null || action === null || (text(answer.Type) ?? 'container') !== 'container') {
    return null;
  }
  const attributes = object(actor.Attributes);
  return { action, id, name: text(attributes.name) ?? '', signal: signalNumber(text(attributes.signal)) };
}

/** What an engine says where it refuses: the sentence in its JSON, or the text as it is. */
export function refusalAnswer(body: string): string {
  const answer = object(parseJson(body));
  return (text(answer.message) ?? text(answer.cause) ?? body).trim().slice(0, 300);
}

/** The JSON in a text; undefined where it is none. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Ports are listed in any order. */
function portsPrint(ports: unknown): string[] {
  return list(ports)
    .map((port) => JSON.stringify(port))
    .sort();
}

/** Below version 1.52 a list says it in the text of `Status` alone: `Up 3 minutes (healthy)`. */
function healthWord({ Health, Status }: Raw): string {
  return text(object(Health).Status) ?? /\(([^)]*)\)\s*$/.exec(text(Status) ?? '')?.[1] ?? '';
}

function bindingsOf(ports: Raw): Binding[] {
  return Object.entries(ports).flatMap(([port, bindings]) => {
    const container = /^(\d{1,5})(?:\/tcp)?$/.exec(port)?.[1];
    return container === undefined
      ? []
      : list(bindings).flatMap((one) => {
          const { HostIp, HostPort } = object(one);
          const host = Number(text(HostPort) ?? HostPort);
          return Number.isInteger(host) && host > 0
            ? [{ container: Number(container), host, ip: text(HostIp) ?? '' }]
            : [];
        });
  });
}

function networkOf(mode: string): ContainerNetwork {
  const other = /^container:(.+)$/.exec(mode)?.[1];
  if (other !== undefined) {
    return { kind: 'of', container: other };
  }
  return { kind: mode === 'host' ? 'host' : 'own' };
}

function environment(raw: unknown): Readonly<Record<string, string>> {
  const pairs = list(raw).flatMap((one) => {
    const found = /^([^=]+)=(.*)$/s.exec(text(one) ?? '');
    return found ? [[found[1] ?? '', found[2] ?? ''] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function healthOf(status: string | null): EngineHealth {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none';
}

/** Podman writes a number. */
function signalText(raw: unknown): string {
  const found = typeof raw === 'number' ? String(raw) : text(raw);
  return found === null || found === '' || found === '0' ? STOP_SIGNAL : found;
}

function signalNumber(written: string | null): number | null {
  return written !== null && /^\d{1,3}$/.test(written) ? Number(written) : null;
}

function withoutSlash(name: string): string {
  return name.replace(/^\//, '');
}

function object(raw: unknown): Raw {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Raw) : {};
}

function list(raw: unknown): readonly unknown[] {
  return Array.isArray(raw) ? raw : [];
}

function text(raw: unknown): string | null {
  return typeof raw === 'string' ? raw : null;
}

function texts(raw: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object(raw)).flatMap(([name, value]) => {
      const found = text(value);
      return found === null ? [] : [[name, found] as const];
    }),
  );
}
