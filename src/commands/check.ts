import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageAndHint } from '../errors.ts';
import { wordsOfHand } from '../events-haproxy.ts';
import { loadedBy, loadedFiles, otherFilesOf } from '../haproxy/loaded-files.ts';
import { RuntimeSession } from '../haproxy/runtime-session.ts';
import { SocketError } from '../haproxy/socket-command.ts';
import { whyNotOpened } from '../haproxy/stats-socket.ts';
import { haproxyVersion } from '../haproxy/version.ts';
import type { Entry } from '../model/entry.ts';
import { visibleLines } from '../model/visible.ts';
import { otherBranch, plainVersion } from '../plan/haproxy-branch.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import { hideSecrets, secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { readLayers } from '../sources/read-layers.ts';
import { hasBelievedTree } from '../state/believed-files.ts';
import { findProgram } from '../system/find-program.ts';
import { ourUser } from '../system/our-user.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { checkDaemon } from './check-daemon.ts';
import { type Add, checkCommands, checkExposures, checkStatus } from './check-outside.ts';
import { checkOwnPorts } from './check-ports.ts';
import { coloured } from './colours.ts';
import { judgeCommand } from './haproxy-versions.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { mountPoints, singleFileMounts } from './mount-points.ts';
import { believedLast, judgeAsPublished, type Shell, settingsOf, shellOf, sourcesOf } from './open.ts';
import { previewOf, textOf } from './preview.ts';
import { minutesSince } from './services.ts';

const COLOURS = { ok: 'green', note: 'yellow', wrong: 'red' } as const;

/** The doctor: looks at everything that a run needs, changes nothing, and says what to do. */
export async function check(io: Io, flags: FromFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  const secrets = secretsOf(settings, io.env);
  let wrong = false;
  const add: Add = (verdict, what, found) => {
    wrong ||= verdict === 'wrong';
    const said = visibleLines(hideSecrets(found, secrets));
    io.out(
      `${coloured(io, COLOURS[verdict], verdict.padEnd(5))}  ${what.padEnd(9)}  ${said.replaceAll('\n', '\n                  ')}\n`,
    );
  };
  add('ok', 'settings', settings.configFile ?? 'from flags and environment');
  await attempt(() => checkDaemon(io, settings, add), 'daemon', add);
  const judge = await checkJudge(io, settings, add);
  const shell = await attempt(() => shellOf(settings, () => {}), 'output', add);
  if (shell) {
    await checkOutput(settings, add);
  }
  await checkExposures(settings, add);
  await checkCommands(io, settings, add);
  await attempt(() => checkStatus(settings, add), 'status', add);
  const entries = await attempt(async () => readSource(io, settings, flags.from, add), 'source', add);
  const text =
    entries &&
    (await attempt(
      async () =>
        checkTemplate(io, settings, { entries, known: await believedLast(settings, flags.from) }, add),
      'template',
      add,
    ));
  if (shell && text !== undefined && judge !== undefined) {
    await checkText(io, shell, settings, text, add);
  }
  if (shell) {
    await checkHaproxy(io, settings, { shell, judge }, add);
  }
  return wrong ? EXIT.failed : EXIT.fine;
}

async function attempt<T>(work: () => Promise<T>, what: string, add: Add): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { message, hint } = messageAndHint(error);
    add('wrong', what, hint === undefined ? message : `${message}\n${hint}`);
    return undefined;
  }
}

/** The version of the HAProxy that judges: null where it cannot be asked, undefined where there is none. */
async function checkJudge(io: Io, settings: Settings, add: Add): Promise<string | null | undefined> {
  const { binary, checkCommand, mode } = settings.haproxy;
  const ask = async (command: readonly [string, ...string[]]) => {
    io.waitsFor(`${command.join(' ')} -v`);
    const found = await attempt(() => haproxyVersion(command, io.signal), 'haproxy', add);
    if (found) {
      const place = await findProgram(command[0], io.env.PATH ?? '');
      const isNamed = command.length === 1 && place.kind === 'found' && place.path !== command[0];
      add('ok', 'haproxy', `${command.join(' ')} is ${found.full}${isNamed ? ` (${place.path})` : ''}`);
    }
    return found?.full;
  };
  const command = judgeCommand(settings);
  if (mode === 'managed' && command?.join(' ') !== binary) {
    await ask([binary]);
  }
  if (command !== null) {
    return ask(command);
  }
  add('note', 'haproxy', `${checkCommand.join(' ')} judges, and cannot be asked for its version`);
  return null;
}

async function checkOutput(settings: Settings, add: Add): Promise<void> {
  const { output, stateDir } = settings;
  for (const folder of [path.dirname(output.path), stateDir]) {
    const reason = await whyNotWritable(folder);
    if (reason === null) {
      add('ok', 'output', `${folder} can be written, or made`);
    } else {
      add('wrong', 'output', `${folder}: ${reason}`);
    }
  }
  const mounted = await singleFileMounts(settings, await mountPoints());
  for (const [verdict, what, found] of mounted) {
    add(verdict, what, found);
  }
}

/** What is wrong with a source is to be seen, also where a start would go on with the cache. */
const NOTHING_KNOWN = { of: () => null };

/** So many keys are named in a line. */
const SHOWN = 10;

/** Null where files can be made in `folder`, or where the folder can be made. */
async function whyNotWritable(folder: string): Promise<string | null> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = path.dirname(folder);
    if (code !== 'ENOENT') {
      return `${ourUser()} may not write to it (${code}); give it to this user, or let its group write`;
    }
    return parent === folder ? 'it is missing' : whyNotWritable(parent);
  }
}

async function readSource(
  io: Io,
  settings: Settings,
  from: string | undefined,
  add: Add,
): Promise<readonly Entry[]> {
  const sources = sourcesOf(io, settings, from);
  const name = sources.map((source) => source.name).join(', ');
  io.waitsFor(`the sources (${name})`);
  const { entries, stale } = await readLayers(sources, NOTHING_KNOWN, io.signal);
  for (const error of stale) {
    const { message, hint } = messageAndHint(error);
    const said = `${message}\nIt is optional: a start without its keys in the cache goes on without them.`;
    add('note', 'source', hint === undefined ? said : `${said}\n${hint}`);
  }
  add('ok', 'source', `${name}: ${entries.length} ${entries.length === 1 ? 'key' : 'keys'}`);
  return entries;
}

async function checkTemplate(
  io: Io,
  settings: Settings,
  { entries, known }: { readonly entries: readonly Entry[]; readonly known: readonly Entry[] },
  add: Add,
): Promise<string> {
  const { served, drawing } = await previewOf(io, settings);
  served.fill(entries, known);
  const { rejected, remarks, services } = served.catalog;
  if (rejected.length === 0) {
    add('ok', 'keys', `${services.length} services, no key rejected`);
  } else {
    add('note', 'keys', `${rejected.length} rejected; pointsman services lists them`);
  }
  const kept = served.kept.map(({ key }) => key);
  if (kept.length > 0) {
    const more = kept.length > SHOWN ? `, and ${kept.length - SHOWN} more` : '';
    const keys = `${kept.slice(0, SHOWN).join(', ')}${more}`;
    add('note', 'keys', `${kept.length} kept in their last good form; pointsman services says why: ${keys}`);
  }
  if (remarks.length > 0) {
    add(
      'note',
      'keys',
      `${remarks[0]?.message}${remarks.length === 1 ? '' : `; ${remarks.length - 1} more, see pointsman services`}`,
    );
  }
  await drawing.templates.set(await new TemplateFolder(settings.template).read());
  const installed = await readFile(settings.output.path, 'utf8').catch(() => null);
  const isDoubtful =
    !services.some(({ instances }) => instances.length > 0) && !(await hasBelievedTree(settings.stateDir));
  served.begin(isDoubtful ? 'in doubt' : 'sure');
  const wouldWait = await drawing.draw(served.toDraw(), installed);
  if (wouldWait.kind === 'nothing') {
    add('note', 'start', wouldWait.missing);
  }
  const text = await textOf(served, drawing);
  for (const { key, reason } of drawing.rejected) {
    add('note', 'ports', `${key}: ${reason}`);
  }
  await checkOwnPorts(services, add);
  add('ok', 'template', settings.template);
  return text;
}

async function checkText(io: Io, shell: Shell, settings: Settings, text: string, add: Add): Promise<void> {
  const { mode, statsSocket } = settings.haproxy;
  io.waitsFor('the verdict of HAProxy (haproxy.checkCommand)');
  const verdict = await judgeAsPublished(shell, settings, text, io.signal);
  const unopened = mode === 'none' || statsSocket === '' ? null : whyNotOpened(text, statsSocket);
  if (unopened !== null) {
    add('note', 'template', unopened);
  }
  if (verdict.kind === 'accepted') {
    add('ok', 'verdict', 'haproxy accepts the rendered configuration');
  } else if (verdict.kind === 'refused') {
    add('wrong', 'verdict', `haproxy refuses the rendered configuration:\n${verdict.output}`);
  } else {
    add('wrong', 'verdict', verdict.message);
  }
}

/** Whether HAProxy answers, and is of the branch that judges the file. */
async function checkHaproxy(
  io: Io,
  settings: Settings,
  { shell, judge }: { readonly shell: Shell; readonly judge: string | null | undefined },
  add: Add,
): Promise<void> {
  const { mode } = settings.haproxy;
  if (mode === 'none') {
    return add('note', 'running', 'mode none: nobody is told of a new file');
  }
  io.waitsFor('an answer of the HAProxy that runs');
  const state: HaproxyState = await shell.haproxy.state(io.signal);
  if (state.kind === 'away') {
    return add('note', 'running', `no HAProxy answers yet: ${state.cause}`);
  }
  if (state.kind === 'unseen') {
    return add(
      'note',
      'running',
      `mode ${mode}: HAProxy cannot be asked what it runs, and every change is a reload${state.why === undefined ? '' : `: ${state.why}`}`,
    );
  }
  await checkFiles(io, settings, add);
  const { version } = state;
  const trouble = otherBranch(version, judge ?? null);
  if (trouble !== null) {
    return add('wrong', 'running', trouble);
  }
  if (version !== null && judge && plainVersion(version) !== plainVersion(judge)) {
    const found = `HAProxy ${version} runs, and ${judge} lies on the disk: it was upgraded, or is another one`;
    add(
      'note',
      'version',
      `${found}\nA restart of HAProxy runs the one on the disk; both are of one branch, which is enough.`,
    );
  }
  for (const one of await shell.hands.load()) {
    const place = `${one.backend}/${one.server}`;
    add('note', 'by hand', `server ${place} is set to ${wordsOfHand(one)} by hand for ${minutesSince(one)}`);
  }
  add(
    'ok',
    'running',
    `HAProxy ${version ?? ''} runs ${state.mark === null ? 'a configuration without our mark' : state.mark}`,
  );
}

/** Where HAProxy loads several files (`-f`): what servers inherit from the others has to be known here. */
async function checkFiles(io: Io, { haproxy, output }: Settings, add: Add): Promise<void> {
  if (haproxy.statsSocket === '') {
    return;
  }
  try {
    await using worker = new RuntimeSession(haproxy.statsSocket, io.signal);
    const files = await loadedFiles(worker);
    if (files.length <= 1) {
      return;
    }
    const loads = `HAProxy loads ${files.join(', ')}`;
    const others = await otherFilesOf(worker, loadedBy(await worker.info()), output.path);
    if (others.kind === 'read') {
      add('ok', 'files', `${loads}; what our servers inherit from the others is read`);
    } else {
      add('note', 'files', `every change of servers is a reload: ${others.why}`);
    }
    const judged = haproxy.checkCommand.filter((word) => word === '-f').length;
    if (judged <= 1) {
      add(
        'note',
        'files',
        `${loads}, and haproxy.checkCommand judges ours alone: name them all, in this order`,
      );
    }
  } catch (error) {
    if (!(error instanceof SocketError)) {
      throw error;
    }
    add('note', 'files', error.advice);
  }
}
