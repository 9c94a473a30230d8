import { hostname } from 'node:os';
import { type Election, standForElection } from '../announce/election.ts';
import { type EtcdRegistrar, openEtcdRegistrar } from '../announce/etcd-registrar.ts';
import type { Tell } from '../announce/events.ts';
import { createLeaseFile } from '../announce/lease-file.ts';
import { messageAndHint, PointsmanError, UsageError } from '../errors.ts';
import { BackOff } from '../ports/back-off.ts';
import { aborted, clock, rest } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { etcdSource } from '../sources/etcd-source.ts';
import { mergeSources } from '../sources/merge-sources.ts';
import { openSources } from '../sources/open-sources.ts';
import { type AnnounceParts, announceParts, prefixOf } from './announce-parts.ts';
import { serveAnnounce } from './announce-status.ts';
import { catalogOptions } from './assemble.ts';
import { followSync } from './follow-sync.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { settingsOf } from './open.ts';
import { SyncTree } from './sync-tree.ts';

/** The flags of `sync`. */
export interface SyncFlags extends CommonFlags {
  readonly release?: boolean;
}

/** How often it is looked whether this one leads, and what was held for long enough. */
const LOOK = 200;

/**
 * Writes what the sources other than etcd give to the first etcd, for as long as this runs and leads: one of several does.
 * Ends with 0 at SIGTERM or SIGINT, and leaves the keys to the next one.
 */
export async function sync(io: Io, flags: SyncFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  io.hide(secretsOf(settings, io.env));
  const sources = openSources(settings, { env: io.env }).filter(
    (_, at) => settings.sources[at]?.kind !== 'etcd',
  );
  if (sources.length === 0) {
    throw new UsageError('syncing: the sources of the settings name nothing but etcd', {
      hint: 'Name what is to be written there, such as ec2 or file, beside it (docs/datastores.md).',
    });
  }
  const parts = announceParts(io, settings);
  const { tell, access, metrics } = parts;
  const { election: key, takeover, owner, listen } = settings.sync;
  tell({
    kind: 'announcing',
    version: io.version,
    what: sources.map(({ name }) => name).join(', '),
    owner,
    endpoints: access.endpoints,
  });
  const ttl = Math.ceil(takeover / 1000);
  const election = standForElection({ access, key, ttl, name: hostname(), tell });
  const term: Term = { keeper: null, tree: null, guard: settings.guard };
  await using _followed = followSync(io, flags, {
    ...{ running: settings, tell },
    take: ({ guard, log }) => {
      term.guard = guard;
      term.tree?.follow(guard);
      parts.followLog(log);
    },
  });
  await using _status = await serveAnnounce({
    listen,
    hosts: settings.status.hosts,
    version: io.version,
    metrics,
    state: () => (term.keeper ?? election).state,
    mayBeEmpty: true,
    leads: () => election.leads,
  });
  let release = flags.release ?? false;
  let told: string | null = null;
  while (!io.signal.aborted) {
    const { leader, leads } = election;
    if (leader !== null && leader !== told) {
      told = leader;
      tell({ kind: 'leader', leader, leads });
    }
    if (leads) {
      await lead(parts, { sources, election, term, release });
      release = false;
    }
    await rest(LOOK, io.signal);
  }
  tell({ kind: 'stopping', cause: String(io.signal.reason) });
  await election.close();
  tell({ kind: 'stopped' });
  return EXIT.fine;
}

/** What there is for as long as this leads, and the rules of now. */
interface Term {
  /** What keeps the keys. */
  keeper: EtcdRegistrar | null;
  tree: SyncTree | null;
  guard: Settings['guard'];
}

interface Leading {
  readonly sources: readonly Source[];
  readonly election: Election;
  readonly term: Term;
  readonly release: boolean;
}

/** Leads until it does not any more, or the signal comes. */
async function lead(parts: AnnounceParts, { sources, election, term, release }: Leading): Promise<void> {
  const { io, settings, access, tell } = parts;
  const { owner, ttl } = settings.sync;
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const watch = setInterval(() => {
    if (!election.leads) {
      over.abort();
    }
  }, LOOK);
  try {
    const written = await readWritten(parts, signal);
    if (written === null) {
      return;
    }
    const tree = new SyncTree(written, {
      grammar: catalogOptions(settings).grammar,
      guard: term.guard,
      owner,
      now: () => clock.origin + clock.now(),
    });
    term.tree = tree;
    term.keeper = openEtcdRegistrar({
      access,
      prefix: prefixOf(settings),
      ttl: Math.ceil(ttl / 1000),
      adopt: settings.announce.adopt,
      leaseFile: createLeaseFile(settings.stateDir, `sync/${owner}`, (error) =>
        tell({ kind: 'notice', ...messageAndHint(error) }),
      ),
      tell: asSync(tell),
    });
    const { keeper } = term;
    // What the one before has written is ours first, and stays: then what the sources do not have can be deleted.
    await Promise.race([keeper.wantKeys(tree.wanted), aborted(signal)]);
    const turns = setInterval(() => {
      if (tree.turn()) {
        void keeper.wantKeys(tree.wanted);
      }
    }, LOOK);
    try {
      await follow(sources, {
        tree,
        tell,
        release,
        signal,
        onChange: () => void keeper.wantKeys(tree.wanted),
      });
    } finally {
      clearInterval(turns);
    }
  } finally {
    clearInterval(watch);
    await term.keeper?.close({ leave: false });
    term.keeper = null;
    term.tree = null;
  }
}

/** The keys that stand in the store; null where this ends before it answers. */
async function readWritten({ settings, access, tell }: AnnounceParts, signal: AbortSignal) {
  const { services, routes } = settings.prefixes;
  const source = etcdSource({ ...access, prefixes: [...services, ...routes], index: 0 });
  const pauses = new BackOff({ first: 200, longest: 2_000, spread: 0.5 });
  let told = '';
  while (!signal.aborted) {
    try {
      return await source.read(signal);
    } catch (error) {
      if (signal.aborted) {
        return null;
      }
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      if (told !== error.message) {
        told = error.message;
        tell({ kind: 'notice', ...messageAndHint(error) });
      }
    }
    await rest(pauses.failed(), signal);
  }
  return null;
}

interface Following {
  readonly tree: SyncTree;
  readonly tell: Tell;
  readonly release: boolean;
  readonly signal: AbortSignal;
  onChange(): void;
}

async function follow(
  sources: readonly Source[],
  { tree, tell, release, signal, onChange }: Following,
): Promise<void> {
  const leftOut = new Map<string, string>();
  for await (const event of mergeSources(sources).watch(signal)) {
    switch (event.kind) {
      case 'state':
        tell({
          kind: 'source-state',
          source: event.of.name,
          state: event.state,
          ...(event.error ? messageAndHint(event.error) : {}),
        });
        break;
      case 'notice':
        tell(event);
        break;
      case 'heard':
        break;
      case 'snapshot':
      case 'changes': {
        const held = tree.take(event);
        if (release && event.kind === 'snapshot') {
          tree.release();
        } else if (held.length > 0) {
          tell({ kind: 'keys-held', keys: held.map(({ entry }) => entry.key) });
        }
        for (const { key, why } of tree.leftOut) {
          if (leftOut.get(key) !== why) {
            tell({ kind: 'left-out', key, why });
          }
          leftOut.set(key, why);
        }
        onChange();
        break;
      }
      default:
        event satisfies never;
    }
  }
}

/** Of the store the election tells; and what a partner would do about another's key is not what is to be done here. */
function asSync(tell: Tell): Tell {
  return (event) => {
    switch (event.kind) {
      case 'store-live':
      case 'store-lost':
      case 'store-away':
        break;
      case 'held-by-other':
        tell({
          ...event,
          hint: 'Whoever wrote it has it; a group of sync has its own keys alone (sync.owner).',
        });
        break;
      default:
        tell(event);
    }
  };
}
