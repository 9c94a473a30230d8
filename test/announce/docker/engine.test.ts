import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { DockerEngine } from '../../../src/announce/docker/engine.ts';
import { containerAnswer, eventAnswer, listAnswer } from '../../../src/announce/docker/engine-answers.ts';
import { engineEndpoint, engineName } from '../../../src/announce/docker/engine-endpoint.ts';
import { versionToSpeak } from '../../../src/announce/docker/engine-version.ts';
import { endsContainer } from '../../../src/announce/docker/stop-signal.ts';
import { tempFolder } from '../../support/haproxy.ts';

const never = new AbortController().signal;

/** Answers at a socket as an engine of these versions does: Docker's words for versions that it does not serve. */
async function startApi(versions: { oldest: string; newest: string }) {
  const folder = await tempFolder();
  const socket = path.join(folder.path, 's');
  const asked: string[] = [];
  const at = (text: string) => Number(text.replace(/^1\./, ''));
  const refuse = (response: ServerResponse, message: string) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ message }));
  };
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    asked.push(url);
    const [, version] = /^\/v(1\.\d+)\//.exec(url) ?? [];
    if (version !== undefined && at(version) < at(versions.oldest)) {
      refuse(
        response,
        `client version ${version} is too old. Minimum supported API version is ${versions.oldest}`,
      );
    } else if (version !== undefined && at(version) > at(versions.newest)) {
      refuse(
        response,
        `client version ${version} is too new. Maximum supported API version is ${versions.newest}`,
      );
    } else if (url === '/version') {
      response.end(JSON.stringify({ ApiVersion: versions.newest, MinAPIVersion: versions.oldest }));
    } else {
      response.end('[]');
    }
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('DockerEngine', () => {
  test('asks for the version once, and again where the engine was replaced by one that does not serve it', async () => {
    const versions = { oldest: '1.24', newest: '1.41' };
    await using api = await startApi(versions);
    using engine = new DockerEngine({ kind: 'socket', path: api.socket });
    await engine.list(never);
    await engine.list(never);
    Object.assign(versions, { oldest: '1.44', newest: '1.52' });
    await engine.list(never);
    await engine.list(never);
    expect(api.asked).toEqual([
      '/version',
      '/v1.41/containers/json',
      '/v1.41/containers/json',
      '/v1.41/containers/json',
      '/version',
      '/v1.44/containers/json',
      '/v1.44/containers/json',
    ]);
  });

  test('says where it asked, why it got no answer and what to do', async () => {
    await using folder = await tempFolder();
    using engine = new DockerEngine({ kind: 'socket', path: path.join(folder.path, 'none') });
    await expect(engine.list(never)).rejects.toMatchObject({
      trouble: 'away',
      message: `asking the engine at unix://${folder.path}/none: there is no such socket`,
      hint: expect.stringContaining('DOCKER_HOST'),
    });
  });
});

test('versionToSpeak() is 1.44, or the nearest that is served', () => {
  const speak = (oldest: string | null, newest: string | null) => versionToSpeak({ oldest, newest });
  expect(speak('1.12', '1.41')).toBe('1.41');
  expect(speak('1.24', '1.52')).toBe('1.44');
  expect(speak('1.44', '1.52')).toBe('1.44');
  expect(speak('1.50', '1.60')).toBe('1.50');
  expect(speak(null, '1.44')).toBe('1.44');
  expect(speak(null, null)).toBeNull();
  expect(speak('1.4', 'new')).toBeNull();
});

describe('engineEndpoint()', () => {
  const find = (env: Record<string, string>, there: string[] = [], given?: string) =>
    engineName(engineEndpoint(given, { env, home: '/home/me', exists: (file) => there.includes(file) }));

  test("is what is given, else DOCKER_HOST, else a socket of our user, else the system's", () => {
    const own = '/home/me/.docker/run/docker.sock';
    const rootless = '/run/user/1000/docker.sock';
    const env = { DOCKER_HOST: 'unix:///else', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(find(env, [own], '/run/podman/podman.sock')).toBe('unix:///run/podman/podman.sock');
    expect(find(env, [own])).toBe('unix:///else');
    expect(find({ XDG_RUNTIME_DIR: '/run/user/1000', DOCKER_HOST: '' }, [rootless, own])).toBe(
      `unix://${own}`,
    );
    expect(find({ XDG_RUNTIME_DIR: '/run/user/1000' }, [rootless])).toBe(`unix://${rootless}`);
    expect(find({})).toBe('unix:///var/run/docker.sock');
  });

  test('may be TCP; what is not spoken is refused', () => {
    expect(find({ DOCKER_HOST: 'tcp://127.0.0.1:4444' })).toBe('tcp://127.0.0.1:4444');
    expect(find({ DOCKER_HOST: 'tcp://[::1]' })).toBe('tcp://[::1]:2375');
    for (const text of ['ssh://me@host', 'npipe://x', 'unix://relative', 'tcp://']) {
      expect(() => find({ DOCKER_HOST: text }), text).toThrow(/^DOCKER_HOST: expected unix:/);
    }
  });
});

describe('the answers of an engine', () => {
  test('that leaves everything out but an id are a container of which nothing is known', () => {
    expect(containerAnswer({ Id: 'x' })).toEqual({
      id: 'x',
      name: '',
      image: '',
      labels: {},
      env: {},
      state: '',
      startedAt: '',
      health: 'none',
      stopSignal: 'SIGTERM',
      stopTimeout: 10,
      network: { kind: 'own' },
      bindings: [],
    });
    expect(() => containerAnswer({})).toThrow('it has no Id');
    expect(listAnswer([{}, null, { Id: 'x' }])).toHaveLength(1);
    expect(listAnswer('nonsense')).toEqual([]);
  });

  test('give TCP ports alone, and those that are published', () => {
    const Ports = {
      '8080/tcp': [
        { HostIp: '0.0.0.0', HostPort: '49153' },
        { HostIp: '::', HostPort: '49154' },
        { HostIp: '', HostPort: '' },
      ],
      '9000/tcp': null,
      '53/udp': [{ HostIp: '', HostPort: '53' }],
    };
    expect(containerAnswer({ Id: 'x', NetworkSettings: { Ports } }).bindings).toEqual([
      { container: 8080, host: 49_153, ip: '0.0.0.0' },
      { container: 8080, host: 49_154, ip: '::' },
    ]);
  });

  test('print a container otherwise where its ports, its state or its health differ, and not with its age or the order', () => {
    const of = (more: object) =>
      listAnswer([{ Id: 'x', Names: ['/web'], State: 'running', ...more }])[0]?.print;
    const [one, two] = [{ PublicPort: 1 }, { PublicPort: 2 }];
    expect(of({ Status: 'Up 1 second', Ports: [one, two] })).toBe(
      of({ Status: 'Up 2 hours', Ports: [two, one] }),
    );
    expect(of({ Status: 'Up 1 second (healthy)' })).toBe(of({ Health: { Status: 'healthy' } }));
    const different = [{}, { Ports: [one] }, { State: 'paused' }, { Status: 'Up 1 second (unhealthy)' }].map(
      of,
    );
    expect(new Set(different).size).toBe(4);
  });

  test('give events of containers alone, with the signal of a kill', () => {
    const event = (more: object) => eventAnswer(JSON.stringify({ Type: 'container', ...more }));
    const Actor = { ID: 'x', Attributes: { name: 'web', signal: '15' } };
    expect(event({ Action: 'kill', Actor })).toEqual({ action: 'kill', id: 'x', name: 'web', signal: 15 });
    expect(event({ Action: 'start', Actor: { ID: 'x' } })).toEqual({
      action: 'start',
      id: 'x',
      name: '',
      signal: null,
    });
    expect(event({ Type: 'network', Action: 'connect', Actor })).toBeNull();
    expect(event({})).toBeNull();
    expect(eventAnswer('not JSON')).toBeNull();
  });
});

test('endsContainer() knows the stop signal by name and number, and SIGKILL', () => {
  expect(endsContainer(15, 'SIGTERM')).toBe(true);
  expect(endsContainer(9, 'SIGTERM')).toBe(true);
  expect(endsContainer(1, 'SIGTERM')).toBe(false);
  expect(endsContainer(3, 'quit')).toBe(true);
  expect(endsContainer(15, '15')).toBe(true);
  expect(endsContainer(37, 'SIGRTMIN+3')).toBe(true);
  expect(endsContainer(62, 'RTMAX-2')).toBe(true);
  expect(endsContainer(15, 'SIGNONE')).toBe(false);
});
