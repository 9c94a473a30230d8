import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Emit } from '../events.ts';
import { createJudge } from '../haproxy/check.ts';
import { createControl } from '../haproxy/control.ts';
import { createPreflight } from '../haproxy/preflight.ts';
import { keepHealth, ServerStateFile } from '../haproxy/server-state.ts';
import { withMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import type { Judge, Preflight, Verdict } from '../ports/judge.ts';
import { Serial } from '../ports/serial.ts';
import type { PendingNote } from '../ports/stores.ts';
import { withKeptEdits } from '../rollout/kept-edits.ts';
import type { Settings } from '../settings/settings.ts';
import { createConfigFile } from '../state/config-file.ts';
import { resolveAccess } from '../state/file-owner.ts';
import { createPendingNote } from '../state/pending-note.ts';
import type { FileAccess } from '../system/temp-file.ts';
import { serverStatePath } from './assemble.ts';

/** HAProxy and its file, as the settings say. */
export interface Shell {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  readonly preflight: Preflight;
  readonly pending: PendingNote;
  /** Null where health does not pass from one worker to the next. */
  readonly serverState: ServerStateFile | null;
  /** Where those who list the servers of HAProxy and those who delete them take turns. */
  readonly servers: Serial;
}

/**
 * Opens nothing yet but finds owner and group. `absent` is what a reload does in `managed` where no HAProxy runs. Throws a `SystemError` where they do not exist. The candidates of
 * `haproxy -c` lie beside the output, or in the temporary folder while the output's folder is not there.
 */
export async function shellOf(
  settings: Settings,
  emit: Emit,
  absent: 'start' | 'wait' = 'start',
): Promise<Shell> {
  const { output, haproxy, stateDir } = settings;
  const { mode, owner, group } = output;
  const access = await resolveAccess({
    mode,
    ...(owner === null ? {} : { owner }),
    ...(group === null ? {} : { group }),
  });
  const plain = createConfigFile({ path: output.path, access, keep: output.keep, stateDir });
  const file = withKeptEdits(plain, emit);
  const { checkCommand, checkTimeout } = haproxy;
  const judge = createJudge({ path: await candidatePath(output.path), access, checkCommand, checkTimeout });
  const servers = new Serial();
  const control = controlOf(settings, emit, absent);
  const [preflight, pending] = [createPreflight(), createPendingNote(stateDir)];
  const serverState = serverStateOf(settings, { access, emit, servers });
  const health = serverState ? keepHealth(control, serverState) : control;
  return { judge, file, haproxy: health, preflight, pending, serverState, servers };
}

/** What asks HAProxy and tells it to reload; it opens nothing yet. */
export function controlOf(
  { haproxy, output }: Settings,
  emit: Emit,
  absent: 'start' | 'wait' = 'start',
): HaproxyControl {
  const { reloadCommand, ...rest } = haproxy;
  return createControl({
    ...rest,
    absent,
    ...(reloadCommand === undefined ? {} : { reloadCommand }),
    configPath: output.path,
    onLine: withoutEcho((line) => emit({ kind: 'haproxy-log', line })),
    onChange: emit,
  });
}

function serverStateOf(
  settings: Settings,
  { access, emit, servers }: { access: FileAccess; emit: Emit; servers: Serial },
): ServerStateFile | null {
  const path = serverStatePath(settings);
  if (path === '') {
    return null;
  }
  return new ServerStateFile({
    path,
    access,
    servers,
    statsSocket: settings.haproxy.statsSocket,
    configPath: settings.output.path,
    onTrouble: (message) => emit({ kind: 'notice', message }),
  });
}

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
