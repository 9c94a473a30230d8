import { chmod, copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';

/** The program of the images: serves on for `LINGER` seconds after SIGTERM, and says what `NAME` says. */
const SERVE = `#!/bin/sh
trap 'sleep "\${LINGER:-5}" & wait $!; exit 0' TERM
echo "\${NAME:-$(hostname)}" > /www/index.html
httpd -f -p "\${PORT:-8080}" -h /www &
wait $!
`;
/** A page that begins at once and takes its time: nobody can ask another server for the rest. */
const SLOW = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\nContent-Length: %s\\r\\n\\r\\n' "$(busybox wc -c < /www/index.html)"
sleep 0.3
cat /www/index.html
`;
const PROGRAMS = ['sh', 'httpd', 'sleep', 'hostname', 'kill', 'rm', 'touch', 'test', 'cat'];

/**
 * A tar of the file system of an image, made of Debian's static busybox: an HTTP server on port 8080 (`PORT`) that serves on
 * for 5 seconds (`LINGER`) after SIGTERM and then ends with 0. It answers with `NAME`, the container's id where there is none; at
 * `/cgi-bin/slow` the answer takes 300 ms.
 */
export async function imageTar(folder: string): Promise<Buffer> {
  const root = path.join(folder, 'image');
  await mkdir(path.join(root, 'bin'), { recursive: true });
  await mkdir(path.join(root, 'www'));
  await mkdir(path.join(root, 'tmp'));
  const busybox = (await execa('sh', ['-c', 'command -v busybox'])).stdout;
  await copyFile(busybox, path.join(root, 'bin/busybox'));
  await copyLibraries(busybox, root);
  for (const program of PROGRAMS) {
    await symlink('busybox', path.join(root, 'bin', program));
  }
  await mkdir(path.join(root, 'www/cgi-bin'));
  for (const [file, text] of [
    ['serve', SERVE],
    ['www/cgi-bin/slow', SLOW],
  ] as const) {
    await writeFile(path.join(root, file), text);
    await chmod(path.join(root, file), 0o755);
  }
  const tar = await execa('tar', ['-C', root, '--owner=0', '--group=0', '-c', '.'], { encoding: 'buffer' });
  return Buffer.from(tar.stdout);
}

/** The libraries that a program of this machine needs, in the root of an image. */
export async function copyLibraries(program: string, root: string): Promise<void> {
  const { stdout } = await execa('ldd', [program], { reject: false });
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    const target = path.join(root, library);
    await mkdir(path.dirname(target), { recursive: true });
    await cp(library, target, { dereference: true });
  }
}
