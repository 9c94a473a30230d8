import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SystemError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { youngOf } from '../guard/young-layers.ts';
import { createJudge } from '../haproxy/check.ts';
import { createControl } from '../haproxy/control.ts';
import type { ControlSettings } from '../haproxy/control-settings.ts';
import { createFilesBeside } from '../haproxy/files-beside.ts';
import { HandRecord, type HandRecordOptions } from '../haproxy/hand-record.ts';
import { createNamedFiles } from '../haproxy/named-files.ts';
import { createPreflight } from '../haproxy/preflight.ts';
import { createRuntimeApplier, type RuntimeApplier } from '../haproxy/runtime-apply.ts';
import { type ServerStateFile, type ServerStateOptions, serverStateFile } from '../haproxy/server-state.ts';
import type { Entry } from '../model/entry.ts';
import { withMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { FilesBeside } from '../ports/files-beside.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Judge, Preflight, Verdict } from '../ports/judge.ts';
import type { NamedFiles } from '../ports/named-files.ts';
import type { Origin } from '../ports/origin.ts';
import { Serial } from '../ports/serial.ts';
import type { Source } from '../ports/source.ts';
import type { PendingNote } from '../ports/stores.ts';
import { Drawing } from '../rollout/drawing.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings, SourceSettings } from '../settings/settings.ts';
import { mergeSources } from '../sources/merge-sources.ts';
import { openSources } from '../sources/open-sources.ts';
import { believedFiles, readBelieved } from '../state/believed-files.ts';
import { createConfigFile } from '../state/config-file.ts';
import { resolveAccess } from '../state/file-owner.ts';
import { acquireLock } from '../state/lock.ts';
import { createPendingNote } from '../state/pending-note.ts';
import { createStateFile } from '../state/state-file.ts';
import { setNewerAside } from '../state/versions.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { GuardParts } from '../tree/trees.ts';
import { renderContext, serverStatePath } from './assemble.ts';
import { refuseOpenFolders } from './exposures.ts';
import { type FromFlags, type Io, overridesOf } from './io.ts';

/** Loads the settings of a call: its flags, the environment, the settings file. Throws a `UsageError`. */
export async function settingsOf(
  io: Io,
  flags: FromFlags,
  sources: 'required' | 'optional' = flags.from === undefined ? 'required' : 'optional',
): Promise<Settings> {
  const settings = await loadSettings({
    ...(flags.config === undefined ? {} : { configPath: flags.config }),
    env: io.env,
    cwd: io.cwd,
    overrides: overridesOf(flags),
    sources,
  });
  io.hide(secretsOf(settings, io.env));
  return settings;
}

/** A state folder and an output that are ours alone, until this is disposed. */
export interface OwnState extends AsyncDisposable {
  /** What a newer Pointsman had left there, and is set aside: to be told. */
  readonly newer: readonly SystemError[];
}

/** Takes the state folder and the output for a command that writes them. Throws a `LockedError` or a `SystemError`. */
export async function ownState(settings: Settings, verb: 'run' | 'render'): Promise<OwnState> {
  const { stateDir, output } = settings;
  await refuseOpenFolders(settings);
  const lock = await acquireLock({ stateDir, outputPath: output.path, verb });
  return Object.assign(lock, { newer: await setNewerAside(stateDir) });
}

/** The sources of the settings, or what `--from` names instead of them. */
export function sourcesOf(io: Io, settings: Settings, from?: string): Source[] {
  const place = from === undefined || from === '-' ? from : path.resolve(io.cwd, from);
  return openSources(settings, {
    stdin: io.stdin,
    env: io.env,
    ...(place === undefined ? {} : { from: place }),
  });
}

/** The sources of the settings as one, or what `--from` names instead of them. */
export function sourceOf(io: Io, settings: Settings, from?: string): Source {
  return mergeSources(sourcesOf(io, settings, from));
}

/** Reads every key once. Throws a `SourceError`. */
export async function entriesOf(io: Io, settings: Settings, from?: string): Promise<readonly Entry[]> {
  const source = sourceOf(io, settings, from);
  io.waitsFor(from === '-' ? 'the keys on standard input' : `the sources (${source.name})`);
  return source.read(io.signal);
}

/**
 * Reads every key once into a served tree. Where a key's value is refused, what the daemon of this `stateDir` keeps in its
 * place stands there. Throws a `SourceError`.
 */
export async function fillFrom(
  io: Io,
  settings: Settings,
  { served, from }: { readonly served: ServedTree; readonly from?: string },
): Promise<void> {
  const entries = await entriesOf(io, settings, from);
  served.fill(entries, await believedLast(settings, from));
}

/**
 * What the daemon of this `stateDir` believed last of the sources of the settings: what it keeps in the place of values that
 * are refused is in there. Nothing where that is too old, or `--from` names another source.
 */
export async function believedLast(settings: Settings, from?: string): Promise<readonly Entry[]> {
  const { stateDir, cache, sources } = settings;
  const cached = from === undefined ? await readBelieved({ stateDir, origin: originOf(settings) }) : null;
  const { tree = null } = cached ? youngOf(cached, { maxAge: cache.maxAge, sources, now: Date.now() }) : {};
  return tree?.entries ?? [];
}

/** What draws the template of the settings. */
export function drawingOf(
  settings: Settings,
  { env, version, emit }: { readonly env: Io['env']; readonly version: string; readonly emit: Emit },
): Drawing {
  const context = renderContext(settings, env, version);
  return new Drawing({ context, renderLimit: settings.limits.render, emit });
}

/** HAProxy and its file, as the settings say. */
export interface Shell {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  readonly preflight: Preflight;
  readonly namedFiles: NamedFiles;
  /** Missing where HAProxy cannot be asked. */
  readonly filesBeside?: FilesBeside;
  readonly pending: PendingNote;
  /** Null where health does not pass from one worker to the next. */
  readonly serverState: ServerStateFile | null;
  /** What a person set of HAProxy's servers. */
  readonly hands: HandRecord;
  /** Where those who list the servers of HAProxy and those who delete them take turns. */
  readonly servers: Serial;
}

/**
 * Opens nothing yet but finds owner and group. `absent` is what a reload does in `managed` where no HAProxy runs, `registered`
 * as in `HandRecordOptions`. Throws a `SystemError` where they do not exist. The candidates of
 * `haproxy -c` lie beside the output, or in the temporary folder while the output's folder is not there.
 */
export async function shellOf(
  settings: Settings,
  emit: Emit,
  { absent, ...of }: Pick<ControlSettings, 'absent'> & Pick<HandRecordOptions, 'registered'> = {},
): Promise<Shell> {
  const { output, haproxy, stateDir } = settings;
  const { mode, owner, group } = output;
  const access = await resolveAccess({
    mode,
    ...(owner === null ? {} : { owner }),
    ...(group === null ? {} : { group }),
  });
  const file = createConfigFile({ path: output.path, access, keep: output.keep, stateDir });
  const { checkCommand, checkTimeout } = haproxy;
  const judge = createJudge({ path: await candidatePath(output.path), access, checkCommand, checkTimeout });
  const servers = new Serial();
  const hands = handsOf(settings, { emit, ...of });
  const serverState = serverStateOf(settings, { access, emit, servers, hands });
  const control = controlOf(settings, emit, {
    ...(absent ? { absent } : {}),
    ...(serverState ? { around: serverState.during } : {}),
  });
  const [preflight, pending] = [createPreflight(), createPendingNote(stateDir)];
  const namedFiles = createNamedFiles();
  const isMute = haproxy.mode === 'none' || haproxy.statsSocket === '';
  const beside = isMute ? {} : { filesBeside: createFilesBeside(haproxy.statsSocket, output.path) };
  return {
    judge,
    file,
    haproxy: control,
    preflight,
    namedFiles,
    pending,
    serverState,
    hands,
    servers,
    ...beside,
  };
}

/** What asks HAProxy and tells it to reload; it opens nothing yet. */
export function controlOf(
  { haproxy, output }: Settings,
  emit: Emit,
  how: Pick<ControlSettings, 'absent' | 'around'> = {},
): HaproxyControl {
  const { reloadCommand, ...rest } = haproxy;
  return createControl({
    ...rest,
    ...how,
    ...(reloadCommand === undefined ? {} : { reloadCommand }),
    configPath: output.path,
    onLine: withoutEcho((line) => emit({ kind: 'haproxy-log', line })),
    onChange: emit,
  });
}

function serverStateOf(
  settings: Settings,
  { emit, ...rest }: Pick<ServerStateOptions, 'access' | 'servers' | 'hands'> & { readonly emit: Emit },
): ServerStateFile | null {
  const file = serverStatePath(settings);
  if (file === '') {
    return null;
  }
  return serverStateFile({
    ...rest,
    path: file,
    statsSocket: settings.haproxy.statsSocket,
    configPath: settings.output.path,
    onTrouble: (message) => emit({ kind: 'notice', message }),
  });
}

function handsOf(
  { stateDir }: Settings,
  { emit, ...of }: Pick<HandRecordOptions, 'registered'> & { readonly emit: Emit },
): HandRecord {
  return new HandRecord({
    ...of,
    file: createStateFile(stateDir, HANDS_FILE),
    onChange: emit,
    onTrouble: (message) => emit({ kind: 'notice', message }),
  });
}

/** The servers that a person set, in `stateDir`. */
export const HANDS_FILE = 'set-by-hand.json';

/** Has a rendered text judged as it would be published: with its mark, where there is a HAProxy to read it. */
export function judgeAsPublished(
  { judge }: Pick<Shell, 'judge'>,
  { haproxy }: Pick<Settings, 'haproxy'>,
  text: string,
  signal: AbortSignal,
): Promise<Verdict> {
  return judge.check(haproxy.mode === 'none' ? text : withMark(text), signal);
}

async function candidatePath(output: string): Promise<string> {
  const there = await stat(path.dirname(output)).then(
    () => true,
    () => false,
  );
  return there ? output : path.join(tmpdir(), path.basename(output));
}

/** HAProxy in the foreground says what it warns of twice: as itself, and by a `log` to stderr. */
function withoutEcho(tell: (line: string) => void): (line: string) => void {
  let last = '';
  return (line) => {
    const message = line.replace(/^\[\w+\] +\(\d+\) : /, '');
    const echo = message === line && message === last;
    last = message;
    if (!echo) {
      tell(line);
    }
  };
}

/** Changes servers at run time, where `apply.mode` and `haproxy` allow it, in turns by `servers`. Opens nothing yet. */
export async function runtimeOf(
  settings: Settings,
  { emit, servers }: { readonly emit: Emit; readonly servers: Serial },
): Promise<RuntimeApplier | null> {
  const { apply, haproxy, output, stateDir } = settings;
  if (apply.mode === 'reload' || haproxy.mode === 'none' || haproxy.statsSocket === '') {
    return null;
  }
  return createRuntimeApplier({
    statsSocket: haproxy.statsSocket,
    journal: createStateFile(stateDir, 'server-journal.json', 'our crash'),
    servers,
    configPath: output.path,
    emit,
  });
}

/** The guard and the cache, as the settings say. With `cache: any` it may be of any age. */
export function guardOf(settings: Settings, cache: 'fresh' | 'any'): GuardParts {
  const { guard, stateDir } = settings;
  const { wait, maxAge } = settings.cache;
  return {
    rules: guard,
    cache: { wait, maxAge: cache === 'any' ? Number.POSITIVE_INFINITY : maxAge },
    store: believedFiles({ stateDir, origin: originOf(settings) }),
    sources: settings.sources,
  };
}

/** Where a tree comes from: the sources in their order and the prefixes; not who asks, nor how. */
export function originOf({ sources, prefixes }: Pick<Settings, 'sources' | 'prefixes'>): Origin {
  const from = sources.map(placeOf);
  const { services, routes, keys } = prefixes;
  return {
    whole: JSON.stringify({ from, services, routes, keys }),
    sources: from.map((one) => JSON.stringify({ from: one, services, routes, keys })),
  };
}

/** Where a source is, and what of it is asked for. */
function placeOf(one: SourceSettings): object {
  switch (one.kind) {
    case 'etcd':
      return { etcd: one.srv === undefined ? one.endpoints.toSorted() : { srv: one.srv } };
    case 'file':
      return { file: one.path };
    case 'ec2': {
      const { region, filters, service, port, address, endpoint } = one;
      return { ec2: { region, filters, service, port, address, endpoint } };
    }
    default:
      return one satisfies never;
  }
}
