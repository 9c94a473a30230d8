import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { copyLibraries } from './docker-image.ts';
import { tempFolder } from './haproxy.ts';

/** Makes an image of programs of this machine, and nothing else, in the engine that `env` names: they are in `/usr/bin`. */
export async function importPrograms(
  env: { readonly DOCKER_HOST: string },
  image: string,
  programs: readonly string[],
): Promise<void> {
  await using root = await tempFolder();
  const bin = path.join(root.path, 'usr/bin');
  await mkdir(bin, { recursive: true });
  for (const name of programs) {
    const { stdout: program } = await execa('sh', ['-c', 'command -v "$1"', 'sh', name]);
    await copyFile(program, path.join(bin, name));
    await copyLibraries(program, root.path);
  }
  const script = `tar -C "$1" --owner=0 --group=0 -c . | docker import -c 'ENV PATH=/usr/bin' - "$2"`;
  await execa('sh', ['-c', script, 'sh', root.path, image], { env });
}
