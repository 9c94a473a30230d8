import { createTwoFilesPatch } from 'diff';
import { messageWithHint, PointsmanError, SourceError, UsageError } from '../errors.ts';
import { excerpt } from '../plan/excerpt.ts';
import { splitMark } from '../plan/mark.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import { Drawing } from '../rollout/drawing.ts';
import { hideSecrets, secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { applyOnce, refused } from './apply-once.ts';
import { catalogOptions, renderContext } from './assemble.ts';
import { templateVersion } from './haproxy-versions.ts';
import type { CommonFlags, ExitCode, Io } from './io.ts';
import { EXIT } from './io.ts';
import { controlOf, entriesOf, judgeAsPublished, ownState, settingsOf, shellOf } from './open.ts';
import { rejectionLine } from './services.ts';

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
  io.waitsFor('the lock of stateDir and output');
  await using state = await ownState(settings, 'render');
  for (const one of state.newer) {
    io.err(messageWithHint(one));
  }
  return applyOnce(io, settings, flags);
}

/** The text of the settings' template, and rejected keys as a line each. Throws a `TemplateError`. */
async function draw(
  io: Io,
  settings: Settings,
  fill: (served: ServedTree) => Promise<unknown>,
  control: HaproxyControl,
): Promise<string> {
  const [set, version] = await Promise.all([
    new TemplateFolder(settings.template).read(),
    templateVersion(settings, control, io.signal),
  ]);
  const context = renderContext(settings, io.env, version);
  const renderLimit = settings.limits.render;
  const emit = () => {};
  const served = new ServedTree({ catalog: catalogOptions(settings), emit });
  const drawing = new Drawing({ context, renderLimit, emit });
  await fill(served);
  for (const rejection of served.catalog.rejected) {
    io.err(rejectionLine(rejection));
  }
  await drawing.templates.set(set);
  const drawn = await drawing.draw(served.toDraw());
  switch (drawn.kind) {
    case 'text':
      return drawn.text;
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
  const text = await draw(
    io,
    settings,
    fill,
    controlOf(settings, () => {}),
  );
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
