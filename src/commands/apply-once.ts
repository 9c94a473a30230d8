import { PointsmanError, SourceError, TemplateError } from '../errors.ts';
import type { PointsmanEvent } from '../events.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { Entry } from '../model/entry.ts';
import { clock } from '../ports/clock.ts';
import { type Parts, partsOf } from '../reconcile/parts.ts';
import { Passes } from '../reconcile/passes.ts';
import type { PassEnd } from '../rollout/pass-end.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { createPauseNotes } from '../state/pause-notes.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { describeEvent } from '../status/describe-event.ts';
import { callerOf } from '../system/our-user.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { catalogOptions, checkedBy, pauseKeys, registeredIn } from './assemble.ts';
import { believeOnce } from './believed-once.ts';
import { templateVersion } from './haproxy-versions.ts';
import { hider } from './hider.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { drawingOf, entriesOf, guardOf, shellOf } from './open.ts';
import { keptLine, rejectionLine } from './services.ts';

/** Nobody comes after, so nothing is waited for. */
const AT_ONCE = { quiet: 0, maxWait: 0, reloadInterval: 0 };
/** The longest that a timer waits: a command has a limit of its own. */
const PATIENT = 2 ** 31 - 1;
/** What is said of a pass, beside how it ended. */
const TOLD: ReadonlySet<PointsmanEvent['kind']> = new Set([
  'hand-edit',
  'quarantined',
  'rollback',
  'rollback-over',
]);

/** Where the keys come from. */
export interface OnceFlags {
  readonly from?: string;
  readonly acceptStale?: boolean;
}

/** Renders once and applies it: a pass of the daemon, with the same decisions. */
export async function applyOnce(io: Io, settings: Settings, flags: OnceFlags): Promise<ExitCode> {
  const said: PointsmanEvent[] = [];
  const told = (event: PointsmanEvent) => void said.push(event);
  const { stateDir, output } = settings;
  // It has the lock: no daemon writes there.
  const by = callerOf(io.env);
  await using ledger = new Ledger({
    stateDir,
    file: output.path,
    by,
    emit: (event) => tellLedger(io, event),
  });
  const hide = hider(() => secretsOf(settings, io.env));
  const emit = (event: PointsmanEvent) => {
    told(event);
    ledger.listener(hide(event));
  };
  const begun = clock.now();
  // A HAProxy that outlives this command would be nobody's.
  const served = new ServedTree({ catalog: catalogOptions(settings), emit: () => {} });
  const shell = await shellOf(settings, emit, { absent: 'wait', registered: registeredIn(served) });
  const [set, version] = await Promise.all([
    new TemplateFolder(settings.template).read(),
    templateVersion(settings, shell.haproxy, io.signal),
  ]);
  const drawing = drawingOf(settings, { env: io.env, version, emit });
  await drawing.templates.set(set);
  const guard = flags.from === undefined ? guardOf(settings, flags.acceptStale ? 'any' : 'fresh') : null;
  // What is refused is looked for anew each time: only a daemon tries it again, and so keeps a record of it.
  const parts = partsOf({
    ...shell,
    ...{ served, drawing, emit, ledger, ...(guard ? { guard } : {}) },
    target: settings.haproxy.mode === 'none' ? 'file' : 'haproxy',
    pace: AT_ONCE,
    pause: { notes: createPauseNotes(stateDir), keys: pauseKeys(settings) },
    rollback: createRollbackNote(settings.stateDir),
    quarantine: { patience: PATIENT, ...checkedBy(settings) },
  });
  try {
    await (guard
      ? believeOnce(io, settings, { ...parts, shell, store: guard.store })
      : takeOnce(parts, await entriesOf(io, settings, flags.from)));
    for (const one of parts.served.kept) {
      io.err(keptLine(one));
    }
    for (const rejection of parts.served.rejected) {
      io.err(rejectionLine(rejection));
    }
    await refuseWhilePaused(parts);
    await parts.rollback?.look();
    await shell.serverState?.open(io.signal);
    await parts.executor.open();
    for (const event of said.splice(0)) {
      io.err(describeEvent(event).message);
    }
    io.waitsFor('HAProxy to judge the configuration and run it');
    const end = await passUntilQuiet(parts, io.signal);
    for (const rejection of drawing.rejected) {
      io.err(rejectionLine(rejection));
    }
    for (const event of said.filter(({ kind }) => TOLD.has(kind))) {
      io.err(describeEvent(event).message);
    }
    io.err(describeEnd(settings.output.path, { end, said, ms: Math.round(clock.now() - begun) }));
    return EXIT.fine;
  } finally {
    await parts.trees.close();
  }
}

/** What the ledger cannot keep hinders nothing. */
function tellLedger(io: Io, event: PointsmanEvent): void {
  io.err(describeEvent(event).message);
}

function takeOnce({ trees, quarantine }: Parts, entries: readonly Entry[]): void {
  trees.take({ kind: 'snapshot', entries, revision: 0n });
  quarantine.look();
}

/** Passes until nothing is on its way to the file any more, and nobody is looked for. */
async function passUntilQuiet(parts: Parts, signal: AbortSignal): Promise<PassEnd> {
  const passes = new Passes(parts);
  const { executor, quarantine, mailbox } = parts;
  mailbox.take();
  for (;;) {
    const end = await passes.pass(['render'], signal);
    await executor.catchUp.idle();
    await quarantine.idle();
    signal.throwIfAborted();
    if (end && !mailbox.peek()) {
      return end;
    }
  }
}

async function refuseWhilePaused({ pause }: Parts): Promise<void> {
  await pause?.look();
  if (!pause?.now) {
    return;
  }
  const until = new Date(pause.now.until).toISOString();
  throw new PointsmanError('system', `rendering: paused until ${until} by ${pause.now.by}`, {
    hint: 'End it with pointsman resume, or delete the key; --dry-run works meanwhile.',
  });
}

/** What came of a text. */
interface Applied {
  readonly end: PassEnd;
  readonly said: readonly PointsmanEvent[];
  readonly ms: number;
}

/** The end of a pass in a line. Throws where it is none that was wished for. */
function describeEnd(path: string, { end, said, ms }: Applied): string {
  const words = end.error ?? '';
  switch (end.outcome) {
    case 'unchanged':
    case 'adopted':
      return `unchanged: ${path}`;
    case 'started':
    case 'reloaded':
      return `${end.outcome}: HAProxy runs ${path} (${ms} ms)`;
    case 'runtime':
      return `published: ${path}, which HAProxy runs already`;
    case 'unverified':
      return `reloaded: HAProxy was told to load ${path}; in this mode it cannot be asked whether it did`;
    case 'published':
      return `published: ${path}`;
    case 'published-waiting': {
      const isNew = said.some(({ kind }) => kind === 'published');
      return `${isNew ? 'published' : 'unchanged'}: ${path}; HAProxy is away: ${words}`;
    }
    case 'refused': {
      const event = said.findLast((one) => one.kind === 'check-refused');
      throw refused(event?.output ?? words, event?.excerpt ?? []);
    }
    case 'waiting':
      throw new SourceError(`rendering: ${words}`);
    case 'template-error': {
      const event = said.findLast((one) => one.kind === 'template-error');
      throw new TemplateError(words, { hint: event?.hint });
    }
    case 'failed':
    case 'paused':
      throw new PointsmanError('system', `applying ${path}: ${words}`);
    default:
      return end.outcome satisfies never;
  }
}

/** What HAProxy says of a configuration that it refuses, as the end of a command. */
export function refused(output: string, lines: readonly string[]): PointsmanError {
  const shown = [output, ...lines.map((line) => `  ${line}`)].join('\n');
  return new PointsmanError('refused', `checking the configuration: haproxy refused it:\n${shown}`, {
    hint: 'What is installed stays. `pointsman services` shows what each key gave.',
  });
}
