import { chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { IMAGE_USER } from './podman.ts';

/** Settings of a file source in `HOST/settings`; gives what registers the one instance of the service `web`. */
export async function pointsmanFolder(
  host: string,
  mode: 'managed' | 'master-socket',
  port: number,
  more = '',
): Promise<(address: string) => Promise<void>> {
  const folder = path.join(host, 'settings');
  await mkdir(folder, { mode: 0o755 });
  await writeFile(
    path.join(folder, 'pointsman.yaml'),
    `sources:
  - file: { path: ./datastores.yaml }
haproxy: { mode: ${mode} }
vars: { bind: "127.0.0.1:${port}", maxconn: 500 }
${more}`,
  );
  return (address) =>
    writeFile(path.join(folder, 'datastores.yaml'), `services: { web: { one: "${address}" } }\n`);
}

/** The folders of the host that the two containers share, given to the image's user. */
export async function sharedFolders(host: string): Promise<string[]> {
  const folders = { etc: '/etc/haproxy', run: '/run/haproxy', state: '/var/lib/pointsman' };
  for (const name of Object.keys(folders)) {
    await mkdir(path.join(host, name), { mode: 0o750 });
    await chown(path.join(host, name), IMAGE_USER, IMAGE_USER);
  }
  return Object.entries(folders).map(([name, target]) => `${path.join(host, name)}:${target}`);
}
