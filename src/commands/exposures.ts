import { stat } from 'node:fs/promises';
import path from 'node:path';
import { SystemError } from '../errors.ts';
import type { Settings } from '../settings/settings.ts';
import { certificateEnds } from '../sources/certificate-ends.ts';
import { isLoopback } from '../system/loopback.ts';
import { otherWriters } from '../system/other-writers.ts';
import { serverStatePath } from './assemble.ts';

/** Something that lets others in, or soon keeps us out: told, and nothing is stopped by it. */
export interface Exposure {
  /** What `check` files it under. */
  readonly what: 'status' | 'source' | 'output';
  readonly found: string;
  /** What to do about it. */
  readonly hint: string;
}

/** Before so long a certificate is to be renewed: milliseconds. */
const RENEWAL = 14 * 24 * 3_600_000;

/** What of these settings, and of the files that they name, is open to others, as `check` and `run` tell it. */
export async function exposures(settings: Settings): Promise<readonly Exposure[]> {
  return [
    ...statusExposure(settings),
    ...(await sourceExposures(settings)),
    ...(await certificateExposures(settings)),
    ...(await folderExposures(settings)),
  ];
}

/** Throws a `SystemError` where everybody may replace what is about to be written. */
export async function refuseOpenFolders(settings: Settings): Promise<void> {
  for (const folder of writtenFolders(settings)) {
    const others = await otherWriters(folder);
    if (others.kind === 'everybody' && others.may === 'replace') {
      throw new SystemError(`writing to ${folder}: ${others.found}`, {
        hint: `Whoever has an account here could have HAProxy run what he likes: ${others.hint}`,
      });
    }
  }
}

function writtenFolders(settings: Settings): readonly string[] {
  const { output, stateDir } = settings;
  const state = ['.', 'versions', 'hand-edits'].map((name) => path.join(stateDir, name));
  const servers = serverStatePath(settings);
  const folders = [path.dirname(output.path), ...state, ...(servers === '' ? [] : [path.dirname(servers)])];
  return [...new Set(folders)];
}

async function folderExposures(settings: Settings): Promise<readonly Exposure[]> {
  const written = writtenFolders(settings);
  const used = usedFolders(settings).filter((folder) => !written.includes(folder));
  const found = await Promise.all([...written, ...used].map(otherWriters));
  const told = found.flatMap((others, at): Exposure[] => {
    const isRefused = others.kind === 'everybody' && others.may === 'replace' && at < written.length;
    // HAProxy may well have a user of its own, and so may whoever writes templates.
    const isUsual = others.kind === 'some' && at >= written.length;
    return others.kind === 'nobody' || isRefused || isUsual ? [] : [{ what: 'output', ...others }];
  });
  return [...new Map(told.map((one) => [one.found, one])).values()];
}

/** Whoever writes there says what HAProxy does: by its sockets, a template, the settings. */
function usedFolders({ haproxy, template, configFile, status }: Settings): readonly string[] {
  const { mode, masterSocket, statsSocket } = haproxy;
  const sockets = mode === 'none' ? [] : [masterSocket, statsSocket];
  const files = [...sockets, template, configFile ?? '', status.socket ?? ''].filter((file) => file !== '');
  return [...new Set(files.map((file) => path.dirname(file)))];
}

function statusExposure({ status }: Settings): readonly Exposure[] {
  const { host, port } = status.listen;
  if (isLoopback(host)) {
    return [];
  }
  const found = `status.listen is ${host}:${port}: other machines reach it, and it asks nobody who he is`;
  const hint =
    'Let only those through who may know every service with its addresses, or listen on 127.0.0.1.';
  return [{ what: 'status', found, hint }];
}

async function sourceExposures({ sources }: Settings): Promise<readonly Exposure[]> {
  const found: Exposure[] = [];
  for (const [index, source] of sources.entries()) {
    if (source.kind !== 'etcd') {
      continue;
    }
    const { username, endpoints, passwordFile, tls } = source;
    const clear = endpoints.filter((url) => url.startsWith('http:'));
    if (username !== undefined && clear.length > 0) {
      found.push({
        what: 'source',
        found: `sources.${index}: the password of ${username} goes to ${clear.join(', ')} for everybody on the way to read`,
        hint: 'Use https:// endpoints.',
      });
    }
    for (const file of [passwordFile, tls?.key]) {
      if (file !== undefined && (await isReadByAll(file))) {
        found.push({
          what: 'source',
          found: `sources.${index}: everybody on this machine may read ${file}`,
          hint: `chmod o-r ${file}`,
        });
      }
    }
  }
  return found;
}

/** Whether others may read a file, and enter the folders that it is in. */
async function isReadByAll(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  if (found === null || (found.mode & 0o004) === 0) {
    return false;
  }
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) {
      return false;
    }
  }
  return true;
}

async function certificateExposures({ sources }: Settings): Promise<readonly Exposure[]> {
  const now = Date.now();
  return (await certificateEnds(sources)).flatMap(({ source, setting, path: file, ends }) => {
    const told = (how: string, hint: string): Exposure[] => [
      { what: 'source', found: `sources.${source}: ${setting} (${file}) ${how}`, hint },
    ];
    if (ends === null) {
      return told('cannot be read as a certificate', 'Give the path of a PEM file that we may read.');
    }
    if (ends - now > RENEWAL) {
      return [];
    }
    const when = new Date(ends).toISOString();
    const days = Math.floor((ends - now) / 86_400_000);
    const how =
      ends < now ? `ended at ${when}` : `ends in ${days === 1 ? '1 day' : `${days} days`}, at ${when}`;
    return told(how, 'Renew it: the next connection to etcd uses the new one.');
  });
}
