import { messageAndHint } from '../errors.ts';
import type { Settings } from '../settings/settings.ts';
import { probeListen } from '../status/probe-listen.ts';
import { findProgram } from '../system/find-program.ts';
import { exposures, refuseOpenFolders } from './exposures.ts';
import type { Io } from './io.ts';

/** Says one thing that `check` found. */
export type Add = (verdict: 'ok' | 'note' | 'wrong', what: string, found: string) => void;

/** Whether the programs of the settings' commands are there and may be run. HAProxy itself was asked already. */
export async function checkCommands(io: Io, { haproxy }: Settings, add: Add): Promise<void> {
  const { mode, binary, checkCommand, reloadCommand = [] } = haproxy;
  const commands = [
    ...(checkCommand[0] === binary ? [] : [['haproxy.checkCommand', checkCommand] as const]),
    ...(mode === 'command' ? [['haproxy.reloadCommand', reloadCommand] as const] : []),
  ];
  const flock = await findProgram('flock', io.env.PATH ?? '');
  if (flock.kind === 'missing') {
    add(
      'wrong',
      'commands',
      `flock, by which run and render exclude each other: ${flock.why}\nInstall util-linux.`,
    );
  }
  for (const [setting, [program = '']] of commands) {
    const found = await findProgram(program, io.env.PATH ?? '');
    if (found.kind === 'found') {
      add('ok', 'commands', `${setting}: ${found.path} can be run`);
    } else {
      add('wrong', 'commands', `${setting}: ${found.why}\nInstall it, or correct ${setting}.`);
    }
  }
}

/** What is open to others, or soon closed to us. What `run` refuses is wrong. */
export async function checkExposures(settings: Settings, add: Add): Promise<void> {
  for (const { what, found, hint } of await exposures(settings)) {
    add('note', what, `${found}\n${hint}`);
  }
  try {
    await refuseOpenFolders(settings);
  } catch (error) {
    const { message, hint } = messageAndHint(error);
    add('wrong', 'output', `${message}\n${hint}`);
  }
}

/** Whether the status server can listen, or does already. Throws a `SystemError` where the address is taken. */
export async function checkStatus({ status, output }: Settings, add: Add): Promise<void> {
  const where = `${status.listen.host}:${status.listen.port}`;
  const found = await probeListen(status.listen);
  if (found.kind === 'free') {
    return add('ok', 'status', `${where} is free`);
  }
  if (found.target === output.path) {
    return add('ok', 'status', `Pointsman runs, and answers on ${where}`);
  }
  add(
    'wrong',
    'status',
    `${where}: the Pointsman of ${found.target} listens there; set status.listen to another address`,
  );
}
