import path from 'node:path';
import { PointsmanError } from '../errors.ts';
import { type Bus, createBus, type Emit, failureOf, noticeOf } from '../events.ts';
import { watchHands } from '../haproxy/hand-watch.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readLedger } from '../ledger/read-ledger.ts';
import { openPage } from '../page/add-page.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import type { Settings } from '../settings/settings.ts';
import { certificateEnds } from '../sources/certificate-ends.ts';
import { mergeSources } from '../sources/merge-sources.ts';
import { openSources } from '../sources/open-sources.ts';
import { renewed } from '../sources/renewed.ts';
import { createCrashFile } from '../state/crash-file.ts';
import { createPauseNotes } from '../state/pause-notes.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { createStateFile } from '../state/state-file.ts';
import { type ControlQuestion, startControlSocket } from '../status/control-socket.ts';
import { observe } from '../status/observe.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { ServedTree } from '../tree/served-tree.ts';

import { controlSocketOf, type DaemonStatus } from './ask-daemon.ts';
import { catalogOptions, checkedBy, paceOf, pauseKeys, registeredIn } from './assemble.ts';
import { controlQuestions, followNotes } from './control-questions.ts';
import { exposures } from './exposures.ts';
import { followSettings } from './follow-settings.ts';
import { judgeVersion, versionAtFirst, watchBranches } from './haproxy-versions.ts';
import { hider } from './hider.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { ledgerQuestions } from './ledger-questions.ts';
import {
  drawingOf,
  guardOf,
  originOf,
  ownState,
  runtimeOf,
  type Shell,
  settingsOf,
  shellOf,
} from './open.ts';
import { rollbackQuestions } from './rollback-questions.ts';
import { servicesNow } from './services-now.ts';

/** The flags of `run`. */
export interface RunFlags extends CommonFlags {
  readonly acceptStale?: boolean;
}

/** The daemon. Ends with 0 at SIGTERM or SIGINT. */
export async function run(io: Io, flags: RunFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  const { stateDir, output } = settings;
  await using followed = followSettings(io, flags, settings);
  await using state = await ownState(settings, 'run');
  const bus = createBus(hider(followed.secrets));
  const { emit } = bus;
  const version = await versionAtFirst(settings, io.signal);
  const open = (by: Settings) => openSources(by, { env: io.env });
  let opened = settings;
  const { source, renew } = renewed(() => mergeSources(open(opened)));
  const served = new ServedTree({ catalog: catalogOptions(settings), emit, keptMax: settings.kept.max });
  const shell = await shellOf(settings, emit, { registered: registeredIn(served) });
  await shell.serverState?.open(io.signal);
  const drawing = drawingOf(settings, { env: io.env, version, emit });
  await using runtime = await runtimeOf(settings, { emit, servers: shell.servers });
  await using ledger = new Ledger({ stateDir, file: output.path, emit });
  bus.subscribe(ledger.listener);
  const written = readLedger(stateDir);
  const pauses = followNotes(createPauseNotes(stateDir));
  const note = createRollbackNote(stateDir);
  const reconciler = new Reconciler({
    ...shell,
    guard: guardOf(settings, flags.acceptStale ? 'any' : 'fresh'),
    source,
    templates: new TemplateFolder(settings.template),
    served,
    drawing,
    target: settings.haproxy.mode === 'none' ? 'file' : 'haproxy',
    pace: paceOf(settings),
    pause: { notes: pauses, keys: pauseKeys(settings) },
    rollback: note,
    ...(runtime ? { runtime: { ...settings.apply, runtime } } : {}),
    quarantine: {
      file: createStateFile(stateDir, 'quarantine.json'),
      origin: originOf(settings),
      ...checkedBy(settings),
    },
    ledger,
    crashFile: createCrashFile({ stateDir, version: io.version }),
    stepLimit: stepLimit(settings),
    emit,
  });
  const { listen, hosts } = settings.status;
  const socket = statusSocketOf(settings);
  const log = { ...settings.log, terminal: io.terminal, colours: io.logColours };
  const { turns } = reconciler;
  const certificates = () => certificateEnds(settings.sources);
  await using observers = await observe({
    bus,
    version: io.version,
    ...{ log, listen, hosts, certificates, turns },
    services: (status) =>
      servicesNow(settings, { ...shell, served, status, secrets: followed.secrets, signal: io.signal }),
    servicesInMetrics: settings.metrics.services,
    more: (facts) =>
      openPage({
        ...{ ...facts, bus, socket, tokenFile: settings.status.tokenFile },
        ledger: { ...written, newest: () => ledger.newest },
      }),
  });
  const told = (error: unknown) => void emit(noticeOf(error));
  await using _socket =
    socket === null ? undefined : ((await observers.answerOn(socket).catch(told)) ?? undefined);
  const questions: readonly ControlQuestion[] = [
    {
      method: 'GET',
      path: '/status',
      answer: () => ({ ...observers.status(), pid: process.pid }) satisfies DaemonStatus,
    },
    { method: 'GET', path: '/services', answer: () => observers.services.detailed() },
    ...ledgerQuestions(written),
    ...rollbackQuestions({ ledger: written, note, reconciler, signal: io.signal }),
    ...controlQuestions({
      ...{ stateDir, pauses, signal: io.signal },
      endRollback: async (by) => (await reconciler.rollback?.takeBack(by)) ?? null,
      heldKeys: () => observers.current().held.size,
    }),
  ];
  await using _control =
    (await startControlSocket(controlSocketOf(stateDir), questions).catch(told)) ?? undefined;
  bus.subscribe(watchBranches(() => judgeVersion(settings, io.signal), emit));
  for (const one of state.newer) {
    emit(noticeOf(one));
  }
  for (const { found: message, hint } of await exposures(settings)) {
    emit({ kind: 'notice', message, hint });
  }
  emit({
    kind: 'starting',
    version: io.version,
    mode: settings.haproxy.mode,
    sources: open(settings).map(({ name }) => name),
    template: settings.template,
    ...(settings.configFile === null ? {} : { settings: settings.configFile }),
    target: output.path,
  });
  const farewell = farewellOf(bus, settings.haproxy.mode);
  io.onCrash(farewell);
  await using haproxy = shell.haproxy;
  await using _hands = followHands(io, settings, shell, emit);
  // Said when it is heard, whatever has still to come to its end.
  const onSignal = () => emit({ kind: 'stopping', cause: String(io.signal.reason) });
  io.signal.addEventListener('abort', onSignal, { once: true });
  if (io.signal.aborted) {
    onSignal();
  }
  const renewSources = (by: Settings) => {
    opened = by;
    renew();
  };
  followed.tell({ reconciler, observers, renewSources, emit });
  try {
    await reconciler.run(io.signal);
  } catch (error) {
    farewell(error);
    throw error;
  } finally {
    // Only a person ends HAProxy: an error of ours leaves it running.
    if (io.signal.aborted) {
      await haproxy.stop?.();
    }
  }
  emit({ kind: 'stopped' });
  return EXIT.fine;
}

/** Where the status server answers on a Unix socket; null where the settings want none. */
function statusSocketOf({ status, stateDir }: Settings): string | null {
  return (status.socket ?? path.join(stateDir, 'status.sock')) || null;
}

/** Follows what a person sets on HAProxy's socket. It hinders nothing else: where it breaks off, that is told. */
function followHands(
  { signal }: Io,
  { haproxy, output, apply }: Settings,
  { serverState, ...shell }: Shell,
  emit: Emit,
): AsyncDisposable {
  const every = Math.min(apply.readBack, LOOK_AT_HANDS);
  const options = { ...shell, statsSocket: haproxy.statsSocket, configPath: output.path, every };
  const end = new AbortController();
  const until = AbortSignal.any([signal, end.signal]);
  const following = (serverState ? watchHands(options, until) : Promise.resolve()).catch((error: unknown) =>
    emit(failureOf('looking at what is set by hand', error)),
  );
  return {
    [Symbol.asyncDispose]: () => {
      end.abort();
      return following;
    },
  };
}

/** Milliseconds after which at the latest it is seen what a person set. */
const LOOK_AT_HANDS = 10_000;

/** The longest that a step of a pass takes by its own limits, and a minute more. */
function stepLimit({ haproxy }: Settings): number {
  return haproxy.checkTimeout + 120_000;
}

/**
 * Says why the daemon ends where nobody asked it to, once per error, and what becomes of HAProxy: that goes on. From
 * now on it follows the events, to know whether there is one.
 */
function farewellOf(bus: Bus, mode: string): (error: unknown) => void {
  let master: number | null = null;
  bus.subscribe((event) => {
    if (event.kind === 'haproxy-started' || event.kind === 'haproxy-adopted') {
      master = event.pid;
    } else if (event.kind === 'haproxy-exited') {
      master = null;
    }
  });
  const told = new Set<unknown>();
  return (error) => {
    if (told.has(error)) {
      return;
    }
    told.add(error);
    const isBug = !(error instanceof PointsmanError);
    const stack = isBug && error instanceof Error ? (error.stack ?? null) : null;
    const message =
      error instanceof Error ? `${isBug ? `${error.name}: ` : ''}${error.message}` : String(error);
    bus.emit({ kind: 'crashed', message, stack, haproxy: mode === 'managed' ? master : null });
  };
}
