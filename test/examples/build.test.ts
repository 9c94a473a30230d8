import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { WEB_IMAGE } from '../support/containers.ts';
import { startDocker } from '../support/docker.ts';
import { freePort, request, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';

const SCRIPT = fileURLToPath(new URL('../../examples/build/build.sh', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** What git may not take from the machine. */
const GIT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
};

const DEFINITIONS = `# Kept: a comment.
announce: { image: 'registry.example.com/pointsman:0.1.0' }
services:
  web:
    image: REGISTRY/web:git-0000000 # of the build server
    ports: [8080]
  api:
    image: REGISTRY/api:git-0000000
environments:
  production: { domain: example.com }
  qa1:
    services:
      web:
        image: REGISTRY/web:git-0000000
`;

// git, docker and the check of the definitions are some twenty processes for each build.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let site: Awaited<ReturnType<typeof startSite>>;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site[Symbol.asyncDispose]());

test('a branch is tested, its image named by the commit and pushed, and the definitions name it; hosts can pull it', async () => {
  const commit = await site.commit('web', 'main', 'first');
  const built = await site.build('web', 'main');
  expect(built, built.stderr).toMatchObject({
    exitCode: 0,
    stdout: `${site.registry}/web:git-${commit.slice(0, 12)}`,
  });
  const text = await site.definitions();
  expect(text).toBe(
    DEFINITIONS.replaceAll('REGISTRY', site.registry).replace(
      'web:git-0000000',
      `web:git-${commit.slice(0, 12)}`,
    ),
  );
  await site.docker.api('DELETE', `/images/${built.stdout}?force=1`);
  await execa('docker', ['pull', '--quiet', built.stdout], { env: site.docker.env });
  await site.docker.run({ name: 'pulled', image: built.stdout });
  const port = await site.docker.port('pulled');
  const page = () =>
    request(`http://127.0.0.1:${port}/version`).then(
      ({ body }) => body,
      () => '',
    );
  await waitFor(async () => (await page()) === 'first\n', { what: 'the version of the branch' });
});

test('a build of the same commit once more builds nothing and changes nothing', async () => {
  await site.commit('web', 'again', 'again');
  const first = await site.build('web', 'again');
  const before = [await site.digest(first.stdout), await site.definitions()];
  const second = await site.build('web', 'again');
  expect(second).toMatchObject({ exitCode: 0, stdout: first.stdout });
  expect(second.stderr).toContain('was built before');
  expect([await site.digest(first.stdout), await site.definitions()]).toEqual(before);
});

test.each([
  ['no label', []],
  ['another commit', ['--change', 'LABEL org.opencontainers.image.revision=1234567']],
])(
  'a tag that the registry has with other content (%s) is refused, and stays as it is',
  async (_, changes) => {
    const commit = await site.commit('web', 'taken', `taken ${changes.length}`);
    const image = `${site.registry}/web:git-${commit.slice(0, 12)}`;
    const tar = path.join(site.folder, 'other.tar');
    await execa('tar', ['-C', site.folder, '-cf', tar, '--files-from', '/dev/null']);
    await execa('docker', ['import', ...changes, tar, image], { env: site.docker.env });
    await execa('docker', ['push', '--quiet', image], { env: site.docker.env });
    const before = [await site.digest(image), await site.definitions()];
    const built = await site.build('web', 'taken');
    expect(built).toMatchObject({ exitCode: 1, stdout: '' });
    expect(built.stderr).toContain(`build: ${image} is in the registry with other content`);
    expect([await site.digest(image), await site.definitions()]).toEqual(before);
  },
);

test('where the tests of a branch fail, nothing is pushed and the definitions stay', async () => {
  const commit = await site.commit('web', 'broken', 'broken', 'exit 1');
  const before = await site.definitions();
  const built = await site.build('web', 'broken');
  expect(built).toMatchObject({ exitCode: 1, stdout: '' });
  expect(built.stderr).toContain('build: broken of web fails its tests: nothing is pushed');
  expect(await site.digest(`${site.registry}/web:git-${commit.slice(0, 12)}`)).toBe(null);
  expect(await site.definitions()).toBe(before);
});

test('builds at the same time lose nothing of one another: two branches and another service', async () => {
  const commits = await Promise.all([
    site.commit('web', 'one', 'one'),
    site.commit('web', 'two', 'two'),
    site.commit('api', 'main', 'three'),
  ]);
  const built = await Promise.all([
    site.build('web', 'one'),
    site.build('web', 'two', 'qa1'),
    site.build('api', 'main'),
  ]);
  for (const { exitCode, stderr } of built) {
    expect(exitCode, stderr).toBe(0);
  }
  const { services, environments } = parse(await site.definitions());
  expect([services.web.image, environments.qa1.services.web.image, services.api.image]).toEqual(
    built.map(({ stdout }) => stdout),
  );
  expect(built.map(({ stdout }) => stdout.slice(-12))).toEqual(commits.map((one) => one.slice(0, 12)));
});

test('a build that took longer does not take back what a later commit gave', async () => {
  await site.commit('web', 'slow', 'old');
  // It is built by its branch as it was.
  await execa('git', ['branch', '--force', 'as-it-was'], { cwd: site.repository('web'), env: GIT });
  await site.commit('web', 'slow', 'new');
  const later = await site.build('web', 'slow');
  const earlier = await site.build('web', 'as-it-was');
  expect(earlier.exitCode).toBe(0);
  expect(earlier.stderr).toContain('which is newer than');
  expect(parse(await site.definitions()).services.web.image).toBe(later.stdout);
});

test('what the definitions have no line for, and what the check refuses, changes nothing', async () => {
  await site.commit('web', 'refused', 'refused');
  const before = await site.definitions();
  const nowhere = await site.build('web', 'refused', 'qa9');
  expect(nowhere.exitCode).toBe(1);
  expect(nowhere.stderr).toContain('there is no image at environments/qa9/services/web/image');
  const refused = await site.build('web', 'refused', undefined, { CHECK_COMMAND: 'false' });
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('the definitions are refused');
  expect(await site.definitions()).toBe(before);
});

/** An engine, a registry, a repository for each of two services, and one of definitions. */
async function startSite() {
  await using stack = new AsyncDisposableStack();
  const docker = stack.use(await startDocker());
  const { path: folder } = stack.use(await tempFolder());
  const registry = await startRegistry(folder, stack);
  const repository = (name: string) => path.join(folder, name);
  const definitions = path.join(folder, 'definitions.git');
  for (const name of ['web', 'api']) {
    await execa('git', ['init', '--quiet', '--initial-branch', 'main', repository(name)], { env: GIT });
  }
  await publish(definitions, DEFINITIONS.replaceAll('REGISTRY', registry), folder);
  const held = stack.move();
  return {
    docker,
    folder,
    registry,
    repository,
    /** A commit on a branch, whose image says `version`. */
    async commit(
      service: string,
      branch: string,
      version: string,
      tests = 'test -s version',
    ): Promise<string> {
      const cwd = path.join(folder, `${service}-${branch}-work`);
      await execa('git', ['clone', '--quiet', repository(service), cwd], { env: GIT }).catch(() => undefined);
      const git = (...words: string[]) => execa('git', words, { cwd, env: GIT });
      await git('checkout', '--quiet', '-B', branch);
      await writeFile(path.join(cwd, 'version'), `${version}\n`);
      await writeFile(path.join(cwd, 'Dockerfile'), `FROM ${WEB_IMAGE}\nCOPY version /www/version\n`);
      await writeFile(path.join(cwd, 'test.sh'), `${tests}\n`);
      await git('add', '.');
      await git('commit', '--quiet', '--message', version);
      await execa('git', ['config', 'receive.denyCurrentBranch', 'ignore'], {
        cwd: repository(service),
        env: GIT,
      });
      await git('push', '--quiet', 'origin', branch);
      return (await git('rev-parse', 'HEAD')).stdout;
    },
    build: (service: string, branch: string, environment?: string, env: Record<string, string> = {}) =>
      execa('sh', [SCRIPT, service, repository(service), branch, ...(environment ? [environment] : [])], {
        env: {
          ...GIT,
          ...docker.env,
          REGISTRY: registry,
          DEFINITIONS: definitions,
          CHECK_COMMAND: `${process.execPath} ${MAIN} units services.yaml --environment production >/dev/null`,
          ...env,
        },
        stdin: 'ignore',
        reject: false,
      }),
    definitions: async () =>
      (
        await execa('git', ['show', 'main:services.yaml'], {
          cwd: definitions,
          env: GIT,
          stripFinalNewline: false,
        })
      ).stdout,
    digest: (image: string) => digestOf(image),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Debian's registry on a free port; the engine of the machine's network pushes to 127.0.0.1 without TLS. */
async function startRegistry(folder: string, stack: AsyncDisposableStack): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const settings = path.join(folder, 'registry.yaml');
  await writeFile(
    settings,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: path.join(folder, 'registry') } },
      http: { addr: address },
    }),
  );
  stack.use(await startProcess('docker-registry', ['serve', settings]));
  await waitFor(
    () =>
      request(`http://${address}/v2/`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    {
      what: 'the registry',
      timeout: 30_000,
    },
  );
  return address;
}

/** A bare repository with one file. */
async function publish(bare: string, text: string, folder: string): Promise<void> {
  const work = path.join(folder, 'definitions');
  await mkdir(work);
  await writeFile(path.join(work, 'services.yaml'), text);
  const git = (...words: string[]) => execa('git', words, { cwd: work, env: GIT });
  await git('init', '--quiet', '--initial-branch', 'main');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'the services');
  await execa('git', ['clone', '--quiet', '--bare', work, bare], { env: GIT });
}

/** What the registry has under a tag; null for nothing. */
async function digestOf(image: string): Promise<string | null> {
  const [, host = '', name = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const { status, headers } = await request(`http://${host}/v2/${name}/manifests/${tag}`, {
    headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
  });
  return status === 200 ? String(headers['docker-content-digest']) : null;
}
