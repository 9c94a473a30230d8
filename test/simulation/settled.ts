import { Catalog } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { splitMark, withMark } from '../../src/plan/mark.ts';
import { OPTIONS } from '../support/catalog.ts';
import { textOf } from './core.ts';
import { difference, faultsOf, type Servers, serversOf } from './haproxy-text.ts';
import type { World } from './world.ts';

/** Values that somebody refuses. */
export function isWrong(value: string): boolean {
  return /bogus|many|twin|13013|nothing of ours/.test(value);
}

/** How what is there differs from what should follow from these keys; null where it does not. */
export async function differsFromWanted(world: World, entries: readonly Entry[]): Promise<string | null> {
  return (await fileFault(world, entries)) ?? (world.mode === 'file' ? null : haproxyFault(world));
}

async function fileFault(world: World, entries: readonly Entry[]): Promise<string | null> {
  const { config } = world.disk;
  if (entries.some(({ value }) => isWrong(value))) {
    const lost = config === null ? null : unhurt(entries, serversOf(config));
    if (lost !== null) {
      return `others are hurt by what is wrong: ${lost}`;
    }
  } else {
    const found = await fileDiffers(world, entries);
    if (found !== null) {
      return `the file is not what is wanted: ${found}`;
    }
  }
  if (config === null) {
    return entries.length === 0 ? null : 'there is no file';
  }
  const [refused] = faultsOf(config);
  return refused ? `the file is one that HAProxy refuses: ${refused.words}` : null;
}

/** How the file differs from what follows from these keys, all of which are right. */
async function fileDiffers(
  { disk, template, mode }: World,
  entries: readonly Entry[],
): Promise<string | null> {
  const catalog = new Catalog(OPTIONS);
  catalog.replace(entries);
  const text = await textOf(catalog, template);
  if (disk.config === (mode === 'file' ? text : withMark(text))) {
    return null;
  }
  return disk.config === null
    ? 'there is none'
    : (difference(serversOf(text), serversOf(disk.config)) ?? 'it differs beside the servers');
}

function haproxyFault(world: World): string | null {
  const { disk, haproxy } = world;
  if (disk.config === null) {
    return null;
  }
  return haproxy.worker ? differsFromFile(world) : 'HAProxy does not run';
}

/** How what HAProxy's worker runs differs from the file; null where it does not. */
export function differsFromFile({ disk, haproxy, mode }: World): string | null {
  const { config } = disk;
  const { worker } = haproxy;
  if (config === null || worker === null) {
    return null;
  }
  const differs = difference(serversOf(config), worker.servers);
  if (differs !== null) {
    return `HAProxy does not run the file: ${differs}`;
  }
  const { mark } = splitMark(config);
  return mode === 'seen' && worker.mark !== mark && config !== withMark('')
    ? `HAProxy's mark is ${worker.mark}, not that of the file`
    : null;
}

/** How the servers of services with nothing wrong in them differ from what is registered; null where they do not. */
function unhurt(entries: readonly Entry[], found: Servers): string | null {
  const catalog = new Catalog(OPTIONS);
  catalog.replace(entries);
  const hurt = new Set(entries.filter(({ value }) => isWrong(value)).map(({ key }) => key.split('/')[2]));
  const claimed = new Set(
    catalog.rejected.flatMap(({ key, other = key }) => [key, other]).map((key) => key.split('/')[2]),
  );
  // What keeps its last good form keeps its address against older claims.
  const standing = new Set(
    [...hurt].flatMap((name) => [...(found.get(`be_${name}`)?.values() ?? [])].map(({ address }) => address)),
  );
  for (const { name, instances } of catalog.services) {
    const isClaimed = claimed.has(name) || instances.some(({ address }) => standing.has(address));
    if (hurt.has(name) || isClaimed) {
      continue;
    }
    const wanted = instances.map(
      ({ id, address, weight }) => [id, { address, weight: weight ?? 1 }] as const,
    );
    const backend = `be_${name}`;
    const there = found.get(backend);
    const differs = difference(
      new Map([[backend, new Map(wanted)]]),
      new Map(there ? [[backend, there]] : []),
    );
    if (differs !== null) {
      return differs;
    }
  }
  return null;
}
