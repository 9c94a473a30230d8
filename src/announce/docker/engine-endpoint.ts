import path from 'node:path';
import { UsageError } from '../../errors.ts';

/** Where an engine listens. */
export type EngineEndpoint =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** What of this machine decides where the engine is looked for. */
export interface EngineSurroundings {
  /** `DOCKER_HOST` is read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The home of our user. */
  readonly home: string;
  readonly exists: (path: string) => boolean;
}

/** Where Docker's own client looks without any setting. */
const SYSTEM_SOCKET = '/var/run/docker.sock';

/**
 * Where the engine is: what is given, else `DOCKER_HOST`, else the socket of Docker Desktop or of a rootless engine in the
 * home of our user, else `/var/run/docker.sock`.
 *
 * @throws UsageError where an address is none that is spoken here
 */
export function engineEndpoint(given: string | undefined, around: EngineSurroundings): EngineEndpoint {
  if (given !== undefined && given !== '') {
    return readEndpoint(given, 'the address of the engine');
  }
  const { DOCKER_HOST, XDG_RUNTIME_DIR } = around.env;
  if (DOCKER_HOST !== undefined && DOCKER_HOST !== '') {
    return readEndpoint(DOCKER_HOST, 'DOCKER_HOST');
  }
  const own = [
    path.join(around.home, '.docker/run/docker.sock'),
    ...(XDG_RUNTIME_DIR ? [path.join(XDG_RUNTIME_DIR, 'docker.sock')] : []),
  ];
  return { kind: 'socket', path: own.find(around.exists) ?? SYSTEM_SOCKET };
}

/** The address of an engine for people, as `DOCKER_HOST` writes it. */
export function engineName(endpoint: EngineEndpoint): string {
  if (endpoint.kind === 'socket') {
    return `unix://${endpoint.path}`;
  }
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}

function readEndpoint(text: string, what: string): EngineEndpoint {
  const socket = text.startsWith('/') ? text : /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (socket !== undefined) {
    return { kind: 'socket', path: socket };
  }
  const url = /^(?:tcp|http):\/\//.test(text) ? URL.parse(text.replace(/^tcp:/, 'http:')) : null;
  if (url && url.hostname !== '') {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return { kind: 'tcp', host, port: url.port === '' ? 2375 : Number(url.port) };
  }
  throw new UsageError(`${what}: expected unix:///path or tcp://host:port, found "${text}"`, {
    hint: 'announce runs on the host of its containers: give it the socket of that engine. TLS and ssh are not spoken.',
  });
}
