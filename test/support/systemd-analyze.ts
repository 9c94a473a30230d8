import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { tempFolder } from './haproxy.ts';

/** What systemd-analyze has to say about the units (name -> text), with commands of this machine put in. */
export async function complaints(units: Record<string, string>): Promise<string> {
  await using folder = await tempFolder();
  const docker = '[Unit]\nDescription=stands in for Docker\n[Service]\nExecStart=/bin/true\n';
  for (const [name, text] of Object.entries({ ...units, 'docker.service': docker })) {
    await writeFile(
      path.join(folder.path, name),
      text.replaceAll(/\/usr\/(bin\/docker|bin\/pointsman|sbin\/sysctl)\b/g, '/bin/true'),
    );
  }
  const names = Object.keys(units).map((name) => path.join(folder.path, name.replace('@.', '@a.')));
  const ended = await execa('systemd-analyze', ['verify', '--man=no', ...names], {
    env: { SYSTEMD_UNIT_PATH: `${folder.path}:` },
    reject: false,
    all: true,
  });
  return `${ended.all}${ended.exitCode === 0 ? '' : `exit ${ended.exitCode}`}`.trim();
}
