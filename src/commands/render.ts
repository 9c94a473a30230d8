import { createTwoFilesPatch } from 'diff';
import { messageWithHint, PointsmanError, UsageError } from '../errors.ts';
import { excerpt } from '../plan/excerpt.ts';
import { splitMark } from '../plan/mark.ts';
import { Rollback } from '../rollout/rollback.ts';
import { hideSecrets, secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { applyOnce, refused } from './apply-once.ts';
import { colouredDiff } from './colours.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { fillFrom, judgeAsPublished, ownState, settingsOf, shellOf } from './open.ts';
import { previewOf, textOf } from './preview.ts';
import { keptLine, rejectionLine } from './services.ts';

/** The flags of `render`. */
export interface RenderFlags extends FromFlags {
  readonly dryRun?: boolean;
  readonly diff?: boolean;
  readonly exitCode?: boolean;
  readonly validate?: boolean;
  readonly acceptStale?: boolean;
  readonly withoutRollback?: boolean;
}

/** They go with `--dry-run` alone. */
const DRY = [
  ['diff', '--diff'],
  ['exitCode', '--exit-code'],
  ['validate', '--validate'],
  ['withoutRollback', '--without-rollback'],
] as const;

/** Renders once. With `--dry-run` nothing is touched; without, it is one pass of the daemon. */
export async function render(io: Io, flags: RenderFlags): Promise<ExitCode> {
  for (const [name, flag] of DRY) {
    if (flags[name] && !flags.dryRun) {
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
  const settings = await settingsOf(io, flags);
  if (flags.dryRun) {
    return dryRun(io, settings, flags);
  }
  io.waitsFor('the lock of stateDir and output');
  await using state = await ownState(settings, 'render');
  for (const one of state.newer) {
    io.err(messageWithHint(one));
  }
  return applyOnce(io, settings, flags);
}

async function dryRun(io: Io, settings: Settings, flags: RenderFlags): Promise<ExitCode> {
  const set = await new TemplateFolder(settings.template).read();
  const { served, drawing } = await previewOf(io, settings);
  await fillFrom(io, settings, { served, ...flags });
  for (const one of served.kept) {
    io.err(keptLine(one));
  }
  for (const rejection of served.catalog.rejected) {
    io.err(rejectionLine(rejection));
  }
  await drawing.templates.set(set);
  const held = await createRollbackNote(settings.stateDir).read();
  const isOver = held?.until != null && held.until <= Date.now();
  if (held && !isOver && !flags.withoutRollback) {
    drawing.rollBack(new Rollback(held));
    io.err(
      `rolled back to ${held.number} by ${held.by} until pointsman resume: this is its text; --without-rollback shows what it would be without`,
    );
  }
  const text = await textOf(served, drawing);
  for (const rejection of drawing.rejected) {
    io.err(rejectionLine(rejection));
  }
  const { path } = settings.output;
  const needed = flags.diff || flags.exitCode || flags.validate;
  const shell = needed ? await shellOf(settings, () => {}) : null;
  const installed = flags.diff || flags.exitCode ? ((await shell?.file.read()) ?? null) : null;
  const before = installed === null ? '' : splitMark(installed).text;
  if (!flags.diff) {
    io.out(text);
  } else if (text !== before) {
    const diff = createTwoFilesPatch(path, path, before, text, 'installed', 'rendered');
    io.out(colouredDiff(io, hideSecrets(diff, secretsOf(settings, io.env))));
  }
  if (flags.validate && shell) {
    io.waitsFor('the verdict of HAProxy (haproxy.checkCommand)');
    const verdict = await judgeAsPublished(shell, settings, text, io.signal);
    if (verdict.kind === 'broken') {
      throw new PointsmanError('system', `checking the configuration: ${verdict.message}`);
    }
    if (verdict.kind === 'refused') {
      throw refused(verdict.output, excerpt(text, verdict.lines));
    }
  }
  return flags.exitCode && (installed === null || text !== before) ? EXIT.difference : EXIT.fine;
}
