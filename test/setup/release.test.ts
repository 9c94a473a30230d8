import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startProcess } from '../support/haproxy.ts';
import { scratchProject } from './scratch-project.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const INDEX = 'application/vnd.oci.image.index.v1+json';
const digest = (word: string) => `sha256:${createHash('sha256').update(word).digest('hex')}`;

/** A registry that asks for a token, as Docker's does, and gives `type` for what is found. */
async function startRegistry(found: Readonly<Record<string, string>>, type = INDEX) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    asked.push(`${request.method} ${pathname}`);
    if (pathname === '/token') {
      response.end(JSON.stringify({ token: `for ${searchParams.get('scope')}` }));
      return;
    }
    const [, repository, tag] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(pathname) ?? [];
    const scope = `repository:${repository}:pull`;
    const content = found[`${repository}:${tag}`];
    if (request.headers.authorization !== `Bearer for ${scope}`) {
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, {
        'www-authenticate': `Bearer realm="${realm}",service="here",scope="${scope}"`,
      });
    } else if (content === undefined || !request.headers.accept?.includes(INDEX)) {
      response.writeHead(404);
    } else {
      response.writeHead(200, { 'content-type': type, 'docker-content-digest': content });
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('the Dockerfile begins from nothing but images with a digest, which are renewed by what their registry says', async () => {
  await using it = await scratchProject();
  const before = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
  expect(before.match(/^FROM .*/gm)).toEqual([
    expect.stringMatching(/^FROM \$\{NODE_IMAGE\} AS build$/),
    expect.stringMatching(/^FROM \$\{DEBIAN_IMAGE\}$/),
  ]);
  const pins = before.match(/^ARG \w+_IMAGE=.*$/gm) ?? [];
  expect(pins).toEqual([
    expect.stringMatching(/^ARG NODE_IMAGE=docker\.io\/library\/node:24-trixie-slim@sha256:[0-9a-f]{64}$/),
    expect.stringMatching(/^ARG DEBIAN_IMAGE=docker\.io\/library\/debian:trixie-slim@sha256:[0-9a-f]{64}$/),
  ]);
  await it.write('Dockerfile', before.replace(/@sha256:\w+$/m, ''));
  const [node, debian] = [digest('node'), digest('debian')];
  await using registry = await startRegistry({
    'library/node:24-trixie-slim': node,
    'library/debian:trixie-slim': debian,
  });
  await using renewed = await startProcess(process.execPath, [
    path.join(it.folder, 'scripts/renew-images.mjs'),
    path.join(it.folder, 'Dockerfile'),
    registry.url,
  ]);
  expect([await renewed.ended, renewed.output()]).toEqual([
    0,
    `renew: library/node:24-trixie-slim is now ${node}\nrenew: library/debian:trixie-slim is now ${debian}\n`,
  ]);
  const changed = before
    .replace(pins[0] ?? '', `ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim@${node}`)
    .replace(pins[1] ?? '', `ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim@${debian}`);
  expect(await it.read('Dockerfile')).toBe(changed);
});

test('a registry that does not know an image, or gives what is for one platform alone, changes nothing', async () => {
  await using it = await scratchProject();
  const before = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
  await it.write('Dockerfile', before);
  const known = { 'library/node:24-trixie-slim': digest('node') };
  await using poor = await startRegistry(known);
  const both = { ...known, 'library/debian:trixie-slim': digest('debian') };
  await using single = await startRegistry(both, 'application/vnd.oci.image.manifest.v1+json');
  for (const [registry, found] of [
    [poor, /^renew: asking for \S+debian\/manifests\/trixie-slim: 404/m],
    [
      single,
      /^renew: asking for \S+node\/manifests\/24-trixie-slim: 200, application\/vnd\.oci\.image\.manifest/m,
    ],
  ] as const) {
    const script = path.join(it.folder, 'scripts/renew-images.mjs');
    const dockerfile = path.join(it.folder, 'Dockerfile');
    await using renewed = await startProcess(process.execPath, [script, dockerfile, registry.url]);
    expect([await renewed.ended, renewed.output()]).toEqual([1, expect.stringMatching(found)]);
    expect(await it.read('Dockerfile')).toBe(before);
  }
});

test('a release is the package, its bill of materials and their checksums, and is refused where something is loose', async () => {
  await using it = await scratchProject();
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: it.folder });
  const commit = async () => {
    await git('add', '-A');
    await git('commit', '-qm', 'x');
  };
  // The registry is not asked for anything.
  await it.fake(
    'npm',
    `case "$*" in pack*) cd "$4" && echo package >pointsman-0.1.0.tgz ;; *sbom*) echo '{"components":[],"dependencies":[],"metadata":{"component":{"bom-ref":"x"}}}' ;; esac`,
  );
  await it.write('.gitignore', '.cache\ndist\nnode_modules\n');
  await it.write(
    'Dockerfile',
    `ARG NODE_IMAGE=docker.io/library/node:24@${digest('node')}\nFROM $NODE_IMAGE\n`,
  );
  await it.write('CHANGELOG.md', '## [Unreleased]\n');
  await git('init', '-q');
  const packages = ['typescript', '@types', 'undici-types'].map((name) =>
    path.join(ROOT, 'node_modules', name),
  );
  await execa('sh', ['-c', 'mkdir node_modules && ln -s "$@" node_modules/', 'sh', ...packages], {
    cwd: it.folder,
  });
  const said = async () => {
    const { code, said } = await it.run('release.sh');
    return [code, said.split('\n')[0]];
  };
  expect(await said()).toEqual([1, 'release: something is not committed (git status)']);
  await commit();
  expect(await said()).toEqual([1, 'release: CHANGELOG.md has no section [0.1.0]']);
  await it.write('CHANGELOG.md', '## [0.1.0] - 2026-01-01\n');
  await it.write('Dockerfile', 'ARG NODE_IMAGE=docker.io/library/node:24\nFROM $NODE_IMAGE\n');
  await commit();
  expect(await said()).toEqual([1, 'release: a base image of the Dockerfile has no digest: npm run renew']);
  await it.write(
    'Dockerfile',
    `ARG NODE_IMAGE=docker.io/library/node:24@${digest('node')}\nFROM $NODE_IMAGE\n`,
  );
  await commit();
  expect((await said())[0]).toBe(0);
  const out = path.join(it.folder, '.cache/release');
  expect((await readdir(out)).toSorted()).toEqual([
    'SHA256SUMS',
    'pointsman-0.1.0.cdx.json',
    'pointsman-0.1.0.tgz',
  ]);
  expect(JSON.parse(await it.read('.cache/release/pointsman-0.1.0.cdx.json')).metadata.component.name).toBe(
    'pointsman',
  );
  await execa('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out });
});
