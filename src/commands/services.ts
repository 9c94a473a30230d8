import { SystemError, UsageError } from '../errors.ts';
import type { KeptKey } from '../events.ts';
import type { HeldKey } from '../events-guard.ts';
import type { ServerSetByHand } from '../events-haproxy.ts';
import { readHandFile } from '../haproxy/hand-record.ts';
import type { Rejection } from '../model/service.ts';
import { visibleLines, visibleQuoted } from '../model/visible.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { readBelieved, readHeld } from '../state/believed-files.ts';
import { createStateFile } from '../state/state-file.ts';
import { servicesDiff } from '../status/services-diff.ts';
import { minutesOf, servicesText } from '../status/services-text.ts';
import { type DetailedServices, detailedServices } from '../status/services-view.ts';
import { atOnce } from '../system/in-pieces.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { askDaemon, type DaemonSays, sayInstead } from './ask-daemon.ts';
import { catalogOptions } from './assemble.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { fillFrom, HANDS_FILE, originOf, settingsOf } from './open.ts';
import { factsOf, seeOnce } from './services-now.ts';

/** The flags of `services`. */
export interface ServicesFlags extends FromFlags {
  readonly json?: boolean;
  readonly cached?: boolean;
  readonly diff?: boolean;
}

/**
 * Prints every service and instance, how HAProxy has it, and every rejected key with its reason: as the daemon has them, or where
 * none answers as the sources do, or the cache.
 */
export async function services(io: Io, flags: ServicesFlags): Promise<ExitCode> {
  if (flags.from !== undefined && (flags.cached || flags.diff)) {
    throw new UsageError(`reading the flags: --from goes with neither --cached nor --diff`, {
      hint: 'These are about what the daemon of this host has.',
    });
  }
  const settings = await settingsOf(io, flags);
  const { stateDir, prefixes } = settings;
  io.waitsFor('the daemon');
  const says = await heard(io, settings, flags);
  const daemon = says.kind === 'answered' ? (says.body as DetailedServices) : null;
  if (flags.diff) {
    return diff(io, settings, { daemon, says });
  }
  sayInstead(
    io,
    stateDir,
    says,
    flags.cached ? 'this is what it believed last' : 'the sources are read anew',
  );
  const all = daemon ?? (await (flags.cached ? cached(io, settings) : readAnew(io, settings, flags.from)));
  if (flags.json) {
    io.out(`${visibleQuoted(JSON.stringify(all, null, 2))}\n`);
    return EXIT.fine;
  }
  if (daemon && !all.haproxy.seen) {
    io.err(`how HAProxy has them is not known: ${all.haproxy.why}`);
  }
  const text = servicesText(all, Date.now());
  io.out(`${visibleLines(text === '' ? `no service under ${prefixes.services.join(', ')}` : text)}\n`);
  return EXIT.fine;
}

/** What the daemon says; nothing where it has no keys itself, or others are asked for. */
async function heard(io: Io, { stateDir }: Settings, { from }: ServicesFlags): Promise<DaemonSays> {
  if (from !== undefined) {
    return { kind: 'no daemon' };
  }
  const says = await askDaemon(stateDir, { path: '/services' }, io);
  const { waitsFor = null } = says.kind === 'answered' ? (says.body as Partial<DetailedServices>) : {};
  return waitsFor === null ? says : { kind: 'silent', why: `it serves nothing yet: ${waitsFor}` };
}

async function diff(
  io: Io,
  settings: Settings,
  { daemon, says }: { readonly daemon: DetailedServices | null; readonly says: DaemonSays },
): Promise<ExitCode> {
  if (says.kind === 'silent') {
    throw new SystemError(
      `comparing: the daemon on ${settings.stateDir} does not say what it has: ${says.why}`,
      {
        hint: 'Its log says what it is at; pointsman services shows what the sources say.',
      },
    );
  }
  if (daemon === null) {
    io.err(`no daemon runs on ${settings.stateDir}: what HAProxy has is compared with the sources`);
  }
  const lines = servicesDiff(await readAnew(io, settings), daemon);
  for (const line of lines) {
    io.out(`${visibleLines(line)}\n`);
  }
  if (lines.length === 0) {
    io.err(`no difference: what is registered is served${daemon?.haproxy.seen ? ', and in HAProxy' : ''}`);
  }
  return EXIT.fine;
}

/** What the sources say now, whatever a daemon makes of it. */
async function readAnew(io: Io, settings: Settings, from?: string): Promise<DetailedServices> {
  const served = new ServedTree({ catalog: catalogOptions(settings), emit: () => {} });
  await fillFrom(io, settings, { served, ...(from === undefined ? {} : { from }) });
  return seenBeside(io, settings, { served, held: new Map(), from: 'sources', isHere: from === undefined });
}

/** What the last daemon believed. Throws a `SystemError` where that is not known. */
async function cached(io: Io, settings: Settings): Promise<DetailedServices> {
  const place = { stateDir: settings.stateDir, origin: originOf(settings) };
  const tree = await readBelieved(place);
  if (tree === null) {
    throw new SystemError(`reading the cache: ${settings.stateDir} has none of these sources`, {
      hint: 'Without --cached the sources themselves are read.',
    });
  }
  io.err(`from the cache, which was right ${minutesOf(tree.freshAt, Date.now())} ago`);
  const served = new ServedTree({ catalog: catalogOptions(settings), emit: () => {} });
  served.fill(tree.entries);
  const holds = await readHeld(place);
  const held = new Map(
    holds.map(({ entry: { key }, rule, since }): [string, HeldKey] => {
      const until = rule === 'store' || rule === 'everything' ? null : since + settings.guard.hold;
      return [key, { key, service: null, rule, since, until }];
    }),
  );
  return seenBeside(io, settings, { served, held, from: 'cache', isHere: true });
}

interface Beside {
  readonly served: ServedTree;
  readonly held: ReadonlyMap<string, HeldKey>;
  readonly from: 'sources' | 'cache';
  /** Whether it is about the HAProxy of this host. */
  readonly isHere: boolean;
}

async function seenBeside(
  io: Io,
  settings: Settings,
  { served, held, from, isHere }: Beside,
): Promise<DetailedServices> {
  const [hands, seen] = await Promise.all([
    readHandFile(createStateFile(settings.stateDir, HANDS_FILE)),
    isHere
      ? seeOnce(settings, io.signal)
      : ({ kind: 'unseen', why: 'the keys are of another place' } as const),
  ]);
  const { remarks, ignored } = served.catalog;
  const facts = factsOf(settings, { served, held, seen, secrets: secretsOf(settings, io.env) });
  return atOnce(detailedServices(facts, { from, remarks, ignored, setByHand: hands.servers }));
}

/** How long ago a person set it, for people. */
export function minutesSince({ since }: Pick<ServerSetByHand, 'since'>): string {
  return minutesOf(since, Date.now());
}

/** A key that keeps its last good form, in one line. */
export function keptLine({ key, form, reason }: KeptKey): string {
  return `kept ${key} "${form}": ${reason}`;
}

/** A rejection in one line. */
export function rejectionLine({ key, value, reason, other }: Rejection): string {
  return `rejected ${key} "${value}": ${reason}${other === undefined ? '' : ` (${other})`}`;
}
