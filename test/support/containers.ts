import { request } from 'node:http';
import { waitFor } from './haproxy.ts';

/** How to run a container; what is left out is as with `docker run -d`. */
export interface ContainerOptions {
  readonly name?: string;
  /** @default `WEB_IMAGE` */
  readonly image?: string;
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Ports, as `-p` takes them: `{ '8080': '127.0.0.1:' }` is `-p 127.0.0.1::8080`. @default `-P` */
  readonly publish?: Readonly<Record<string, string>> | 'all' | 'none';
  readonly network?: string;
  /** `--restart` */
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly stopSignal?: string;
  /** Seconds: `--stop-timeout` */
  readonly stopTimeout?: number;
  /** `--health-cmd`, asked every 200 ms. */
  readonly healthCommand?: string;
}

/** The image that every engine of the tests has: see `imageTar()`. */
export const WEB_IMAGE = 'web:git-1a2b3c4';

/** The containers of an engine of the tests, by its API. */
export interface Containers {
  /** Runs a container; gives its id. */
  run(options?: ContainerOptions): Promise<string>;
  /** `docker stop -t SECONDS`; resolves when it has ended. */
  stop(container: string, seconds?: number): Promise<void>;
  /** `docker kill -s SIGNAL` */
  kill(container: string, signal?: string): Promise<void>;
  start(container: string): Promise<void>;
  restart(container: string, seconds?: number): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  /** `docker rm -f` */
  remove(container: string): Promise<void>;
  rename(container: string, name: string): Promise<void>;
  /** `docker exec`; resolves when the command has ended. */
  exec(container: string, ...command: string[]): Promise<void>;
  /** The port of the host that leads to a port of a container; over IPv4 by default. */
  port(container: string, inside?: number, ip?: string): Promise<number>;
  /** Asks its API: gives the body of a good answer, throws on any other. */
  api(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object | Buffer): Promise<string>;
}

/** The containers of the engine that listens on this socket. */
export function containersOf(socket: string): Containers {
  const api: Containers['api'] = (method, where, body) => ask(socket, method, where, body);
  const post = async (container: string, what: string) => {
    await api('POST', `/containers/${container}/${what}`);
  };
  /** Another engine may have the port that Docker chose: the next time it chooses the next one. */
  const start = async (container: string, tries = 5): Promise<void> => {
    try {
      await post(container, 'start');
    } catch (error) {
      if (tries === 1 || !String(error).includes('address already in use')) {
        throw error;
      }
      await start(container, tries - 1);
    }
  };
  return {
    api,
    async run(given = {}) {
      const query = given.name === undefined ? '' : `?name=${given.name}`;
      const { Id } = JSON.parse(await api('POST', `/containers/create${query}`, creation(given)));
      await start(Id);
      return Id;
    },
    stop: (container, seconds) => post(container, `stop${seconds === undefined ? '' : `?t=${seconds}`}`),
    kill: (container, signal = 'KILL') => post(container, `kill?signal=${signal}`),
    start: (container) => start(container),
    restart: (container, seconds = 10) =>
      post(container, `restart?t=${seconds}`).catch((error) =>
        String(error).includes('address already in use') ? start(container) : Promise.reject(error),
      ),
    pause: (container) => post(container, 'pause'),
    unpause: (container) => post(container, 'unpause'),
    rename: (container, name) => post(container, `rename?name=${name}`),
    async remove(container) {
      await api('DELETE', `/containers/${container}?force=1&v=1`);
    },
    async exec(container, ...command) {
      const { Id } = JSON.parse(await api('POST', `/containers/${container}/exec`, { Cmd: command }));
      await api('POST', `/exec/${Id}/start`, { Detach: true });
      await waitFor(async () => JSON.parse(await api('GET', `/exec/${Id}/json`)).Running === false);
    },
    async port(container, inside = 8080, ip = '0.0.0.0') {
      const { NetworkSettings } = JSON.parse(await api('GET', `/containers/${container}/json`));
      const bindings: { HostIp: string; HostPort: string }[] = NetworkSettings.Ports[`${inside}/tcp`] ?? [];
      return Number(bindings.find(({ HostIp }) => HostIp === ip)?.HostPort);
    },
  };
}

/** Makes `WEB_IMAGE` of a tar. */
export async function importImage({ api }: Containers, tar: Buffer): Promise<void> {
  const changes = ['CMD ["/serve"]', 'EXPOSE 8080'].map((one) => `&changes=${encodeURIComponent(one)}`);
  const [repo, tag] = WEB_IMAGE.split(':');
  await api('POST', `/images/create?fromSrc=-&repo=${repo}&tag=${tag}${changes.join('')}`, tar);
}

function creation(given: ContainerOptions): object {
  const { image = WEB_IMAGE, command, labels = {}, env = {}, publish = 'all', network } = given;
  const bindings = Object.entries(typeof publish === 'string' ? {} : publish).map(([port, where]) => {
    const [, ip = '', host = ''] = /^(?:(.*):)?(\d*)$/.exec(where) ?? [];
    return [`${port}/tcp`, [{ HostIp: ip.replace(/^\[(.*)\]$/, '$1'), HostPort: host }]] as const;
  });
  return {
    Image: image,
    ...(command ? { Cmd: command } : {}),
    Labels: labels,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: Object.fromEntries(bindings.map(([port]) => [port, {}])),
    ...(given.stopSignal === undefined ? {} : { StopSignal: given.stopSignal }),
    ...(given.stopTimeout === undefined ? {} : { StopTimeout: given.stopTimeout }),
    ...(given.healthCommand === undefined ? {} : { Healthcheck: healthcheck(given.healthCommand) }),
    HostConfig: {
      PublishAllPorts: publish === 'all',
      PortBindings: Object.fromEntries(bindings),
      RestartPolicy: { Name: given.restart ?? 'no' },
      ...(network === undefined ? {} : { NetworkMode: network }),
    },
  };
}

function healthcheck(command: string): object {
  const nanoseconds = 1e6;
  return {
    Test: ['CMD-SHELL', command],
    Interval: 200 * nanoseconds,
    Timeout: 5_000 * nanoseconds,
    Retries: 3,
  };
}

function ask(socketPath: string, method: string, where: string, body?: object | Buffer): Promise<string> {
  const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
  const sent = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath, path: where, method, agent: false, headers: { host: 'docker', 'content-type': type } },
      (response) => {
        let said = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
        response.once('error', reject);
        response.once('end', () => {
          const { statusCode = 0 } = response;
          // 304: it is so already.
          if (statusCode < 400) {
            resolve(said);
          } else {
            reject(new Error(`docker: ${method} ${where}: ${statusCode} ${said}`));
          }
        });
      },
    );
    asked.once('error', reject);
    asked.end(sent);
  });
}
