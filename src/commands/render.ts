import { createTwoFilesPatch } from 'diff';
import { PointsmanError, SourceError, UsageError } from '../errors.ts';
import type { Emit, PointsmanEvent } from '../events.ts';
import { excerpt } from '../plan/excerpt.ts';
import { splitMark } from '../plan/mark.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import { Mailbox } from '../reconcile/mailbox.ts';
import { Pause } from '../reconcile/pause.ts';
import { Trees } from '../reconcile/trees.ts';
import { Drawing } from '../rollout/drawing.ts';
import { Drift } from '../rollout/drift.ts';
import type { RollResult } from '../rollout/roll-result.ts';
import { Rollout } from '../rollout/rollout.ts';
import { Stopwatch } from '../rollout/stopwatch.ts';
import { hideSecrets, secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { acquireLock } from '../state/lock.ts';
import { createPauseNotes } from '../state/pause-notes.ts';
import { describeEvent } from '../status/describe-event.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { catalogOptions, pauseKeys, renderContext } from './assemble.ts';
import { believeOnce } from './believed-once.ts';
import { templateVersion } from './haproxy-versions.ts';
import type { CommonFlags, ExitCode, Io } from './io.ts';
import { EXIT } from './io.ts';
import { settingsOf } from './settings-of.ts';
import { controlOf, judgeAsPublished, shellOf } from './shell-of.ts';
import { entriesOf, rejectionLine } from './tree-of.ts';

/** The flags of `render`. */
export interface RenderFlags extends CommonFlags {
  readonly from?: string;
  readonly dryRun?: boolean;
  readonly diff?: boolean;
  readonly exitCode?: boolean;
  readonly validate?: boolean;
  readonly acceptStale?: boolean;
}

/** Renders once. With `--dry-run` nothing is touched; without, it is one pass of the daemon. */
export async function render(io: Io, flags: RenderFlags): Promise<ExitCode> {
  for (const name of ['diff', 'exitCode', 'validate'] as const) {
    if (flags[name] && !flags.dryRun) {
      const flag = name === 'exitCode' ? '--exit-code' : `--${name}`;
      throw new UsageError(`reading the flags: ${flag} goes with --dry-run`, {
        hint: 'Add --dry-run, or leave it out.',
      });
    }
  }
  if (flags.acceptStale && (flags.dryRun || flags.from !== undefined)) {
    throw new UsageError('reading the flags: --accept-stale goes with neither --dry-run nor --from', {
      hint: 'Those read no cache.',
    });
  }
  const settings = await settingsOf(io, flags, flags.from === undefined ? 'required' : 'optional');
  if (flags.dryRun) {
    return dryRun(io, settings, flags);
  }
  const { stateDir, output } = settings;
  io.waitsFor('the lock of stateDir and output');
  await using _lock = await acquireLock({ stateDir, outputPath: output.path, verb: 'render' });
  return apply(io, settings, flags);
}

/** The text of the settings' template, and rejected keys as a line each. Throws a `TemplateError`. */
async function draw<T>(
  io: Io,
  settings: Settings,
  fill: (served: ServedTree) => Promise<T>,
  { control, installed = null }: { control: HaproxyControl; installed?: string | null },
): Promise<{ text: string; filled: T }> {
  const [set, version] = await Promise.all([
    new TemplateFolder(settings.template).read(),
    templateVersion(settings, control, io.signal),
  ]);
  const context = renderContext(settings, io.env, version);
  const renderLimit = settings.limits.render;
  const emit = () => {};
  const served = new ServedTree({ catalog: catalogOptions(settings), emit });
  const drawing = new Drawing({ served, context, renderLimit, emit });
  const filled = await fill(served);
  for (const rejection of served.catalog.rejected) {
    io.err(rejectionLine(rejection));
  }
  await drawing.templates.set(set);
  const drawn = await drawing.draw(installed);
  switch (drawn.kind) {
    case 'text':
      return { text: drawn.text, filled };
    case 'template-error':
      throw drawn.error;
    case 'nothing':
      throw new SourceError(`rendering: ${drawn.missing}`);
  }
}

function diffOf(path: string, before: string, text: string): string {
  return createTwoFilesPatch(path, path, before, text, 'installed', 'rendered');
}

async function dryRun(io: Io, settings: Settings, flags: RenderFlags): Promise<ExitCode> {
  const fill = async (served: ServedTree) => served.fill(await entriesOf(io, settings, flags.from));
  const { text } = await draw(io, settings, fill, { control: controlOf(settings, () => {}) });
  const { path } = settings.output;
  const needed = flags.diff || flags.exitCode || flags.validate;
  const shell = needed ? await shellOf(settings, () => {}) : null;
  const installed = flags.diff || flags.exitCode ? ((await shell?.file.read()) ?? null) : null;
  const before = installed === null ? '' : splitMark(installed).text;
  if (!flags.diff) {
    io.out(text);
  } else if (text !== before) {
    io.out(hideSecrets(diffOf(path, before, text), secretsOf(settings, io.env)));
  }
  if (flags.validate && shell) {
    io.waitsFor('the verdict of HAProxy (haproxy.checkCommand)');
    const verdict = await judgeAsPublished(shell, settings, text, io.signal);
    if (verdict.kind === 'broken') {
      throw new PointsmanError('system', `checking the configuration: ${verdict.message}`);
    }
    if (verdict.kind === 'refused') {
      const lines = excerpt(text, verdict.lines);
      throw refused(verdict.output, lines);
    }
  }
  return flags.exitCode && (installed === null || text !== before) ? EXIT.difference : EXIT.fine;
}

async function apply(io: Io, settings: Settings, flags: RenderFlags): Promise<ExitCode> {
  const said: PointsmanEvent[] = [];
  const emit: Emit = (event) => said.push(event);
  // A HAProxy that outlives this command would be nobody's.
  const shell = await shellOf(settings, emit, 'wait');
  const fill = async (served: ServedTree) => {
    if (flags.from !== undefined) {
      const trees = new Trees({ served, emit });
      const entries = await entriesOf(io, settings, flags.from);
      trees.take({ kind: 'snapshot', entries, revision: 0n });
      return trees;
    }
    const cache = flags.acceptStale ? 'any' : 'fresh';
    const trees = await believeOnce(io, settings, { served, shell, emit, cache });
    await trees.close();
    return trees;
  };
  const { text, filled } = await draw(io, settings, fill, {
    control: shell.haproxy,
    installed: await shell.file.read(),
  });
  await refuseWhilePaused(settings, filled);
  await shell.serverState?.clear();
  const target = settings.haproxy.mode === 'none' ? 'file' : 'haproxy';
  const rollout = new Rollout({ ...shell, target, emit });
  await rollout.open();
  const drift = new Drift({ file: shell.file, rollout, mailbox: new Mailbox(), emit });
  await drift.open();
  const unsettled = await drift.settle();
  if (unsettled) {
    throw new PointsmanError('system', `applying ${settings.output.path}: ${unsettled.message}`);
  }
  for (const event of said.splice(0)) {
    io.err(describeEvent(event).message);
  }
  io.waitsFor('an answer of the HAProxy that runs');
  const state = await shell.haproxy.state(io.signal);
  rollout.observe(state);
  const need = rollout.need(text, state);
  if (need.kind === 'nothing') {
    io.err(`unchanged: ${settings.output.path}`);
    return EXIT.fine;
  }
  io.waitsFor('HAProxy to judge the configuration and run it');
  const watch = new Stopwatch();
  const load = { watch, signal: io.signal, before: null };
  const result = await (need.kind === 'load'
    ? rollout.load(text, load)
    : rollout.roll(text, watch, io.signal));
  for (const event of said) {
    if (event.kind === 'hand-edit') {
      io.err(describeEvent(event).message);
    }
  }
  return tell(io, settings, { result, said, watch, isNew: need.kind !== 'load' });
}

async function refuseWhilePaused(settings: Settings, { raw }: Trees): Promise<void> {
  const pause = new Pause({
    notes: createPauseNotes(settings.stateDir),
    keys: () => raw.lookUp(pauseKeys(settings)),
    mailbox: new Mailbox(),
    emit: () => {},
  });
  await pause.look();
  if (!pause.now) {
    return;
  }
  const until = new Date(pause.now.until).toISOString();
  throw new PointsmanError('system', `rendering: paused until ${until} by ${pause.now.by}`, {
    hint: 'End it with pointsman resume, or delete the key; --dry-run works meanwhile.',
  });
}

/** What came of a text. */
interface Applied {
  readonly result: RollResult;
  readonly said: readonly PointsmanEvent[];
  readonly watch: Stopwatch;
  /** The file did not hold it before. */
  readonly isNew: boolean;
}

function tell(io: Io, settings: Settings, { result, said, watch, isNew }: Applied): ExitCode {
  const { path } = settings.output;
  switch (result.kind) {
    case 'reloaded':
    case 'runtime':
      io.err(`reloaded: HAProxy runs ${path} (${watch.ms} ms)`);
      return EXIT.fine;
    case 'unverified':
      io.err(`reloaded: HAProxy was told to load ${path}; in this mode it cannot be asked whether it did`);
      return EXIT.fine;
    case 'published':
      io.err(`published: ${path}`);
      return EXIT.fine;
    case 'published-waiting':
      io.err(`${isNew ? 'published' : 'unchanged'}: ${path}; HAProxy is away: ${result.cause}`);
      return EXIT.fine;
    case 'refused': {
      const event = said.find((one) => one.kind === 'check-refused');
      throw refused(result.output, event?.excerpt ?? []);
    }
    case 'failed':
      throw new PointsmanError('system', `applying ${path}: ${result.message}`);
  }
}

function refused(output: string, lines: readonly string[]): PointsmanError {
  const shown = [output, ...lines.map((line) => `  ${line}`)].join('\n');
  return new PointsmanError('refused', `checking the configuration: haproxy refused it:\n${shown}`, {
    hint: 'What is installed stays. `pointsman services` shows what each key gave.',
  });
}
