import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Containers } from '../support/containers.ts';
import { copyLibraries } from '../support/docker-image.ts';

/** A tar of the file system of the services' image: Node, what it is linked with, and `service.mjs`. */
export async function serviceImage(folder: string): Promise<string> {
  const root = path.join(folder, 'image');
  await mkdir(path.join(root, 'tmp'), { recursive: true });
  await copyFile(process.execPath, path.join(root, 'node'));
  await copyLibraries(process.execPath, root);
  await copyFile(new URL('service.mjs', import.meta.url), path.join(root, 'service.mjs'));
  const tar = path.join(folder, 'image.tar');
  await execa('tar', ['-C', root, '--owner=0', '--group=0', '-cf', tar, '.']);
  return tar;
}

/** What every image of an engine is made of. */
const BASE = 'service:git-0000000';

/** Gives an engine that file system, as `BASE`. */
export async function importBase({ api }: Containers, tar: Buffer): Promise<void> {
  const changes = ['CMD ["/node", "/service.mjs"]', 'EXPOSE 8080'];
  const [repo, tag] = BASE.split(':');
  const query = changes.map((one) => `&changes=${encodeURIComponent(one)}`).join('');
  await api('POST', `/images/create?fromSrc=-&repo=${repo}&tag=${tag}${query}`, tar);
}

/** What a build server and a registry would have done: an engine has this image, `<service>:git-<revision>`. */
export async function pull({ api }: Containers, image: string): Promise<void> {
  const [repo = '', tag = ''] = image.split(':');
  await api('POST', `/images/${BASE}/tag?repo=${repo}&tag=${tag}`);
}
