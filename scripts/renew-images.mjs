// Writes the present digests of its base images into a Dockerfile.
//
//   node scripts/renew-images.mjs DOCKERFILE [REGISTRY]
//
// They stand in lines such as ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim@sha256:… . Asked is the registry that
// docker.io stands for, or REGISTRY (http://127.0.0.1:5000), for the digest of the index, which covers every platform.
import { readFileSync, writeFileSync } from 'node:fs';

const IMAGE = /^(ARG \w+_IMAGE=docker\.io\/)([a-z0-9/._-]+):([\w.-]+)(?:@(sha256:[0-9a-f]{64}))?$/gm;
const INDEX = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');
const LIMIT = 20_000;

const [file, registry = 'https://registry-1.docker.io'] = process.argv.slice(2);
try {
  await renew();
} catch (error) {
  console.error(`renew: ${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
  process.exit(1);
}

/** All of them, or none where one cannot be had. */
async function renew() {
  const text = readFileSync(file, 'utf8');
  const found = [...text.matchAll(IMAGE)];
  if (found.length === 0) {
    throw new Error(`${file} has no line such as ARG NODE_IMAGE=docker.io/library/node:24@sha256:…`);
  }
  let renewed = text;
  for (const [line, begin, repository, tag, before] of found) {
    const digest = await digestOf(repository, tag);
    renewed = renewed.replace(line, `${begin}${repository}:${tag}@${digest}`);
    console.error(`renew: ${repository}:${tag} ${digest === before ? 'is still' : 'is now'} ${digest}`);
  }
  writeFileSync(file, renewed);
}

async function digestOf(repository, tag) {
  const url = `${registry}/v2/${repository}/manifests/${tag}`;
  const ask = (headers) =>
    fetch(url, {
      method: 'HEAD',
      headers: { accept: INDEX, ...headers },
      signal: AbortSignal.timeout(LIMIT),
    });
  let answer = await ask({});
  if (answer.status === 401) {
    answer = await ask({
      authorization: `Bearer ${await tokenFor(answer.headers.get('www-authenticate') ?? '')}`,
    });
  }
  const digest = answer.headers.get('docker-content-digest') ?? '';
  const type = answer.headers.get('content-type') ?? '';
  if (!answer.ok || !/^sha256:[0-9a-f]{64}$/.test(digest) || !INDEX.split(', ').includes(type)) {
    throw new Error(`asking for ${url}: ${answer.status}, ${type || 'no type'}, ${digest || 'no digest'}`);
  }
  return digest;
}

/** By the registry's own words: Bearer realm="…",service="…",scope="…". */
async function tokenFor(challenge) {
  const { realm, ...rest } = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  const answer = await fetch(`${realm}?${new URLSearchParams(rest)}`, { signal: AbortSignal.timeout(LIMIT) });
  const { token, access_token = token } = await answer.json();
  return access_token;
}
