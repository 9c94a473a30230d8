import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { haproxyLives, isHaproxy, processFacts } from './haproxy-process.ts';
import type { MasterSocket, Proc } from './master-socket.ts';
import { whereNoAnswer } from './socket-command.ts';

/** Where a master is looked for. */
export interface MasterPlace {
  readonly master: MasterSocket;
  readonly masterSocket: string;
  readonly pidFile: string;
  /** The master that is known, null for none. */
  readonly known: () => number | null;
  /** Milliseconds. */
  readonly patience: number;
}

/**
 * The master that answers; one that lives and refuses is loading, and is waited for: `mute` where that takes longer than
 * `patience`. Null where there is none.
 */
export async function answeringMaster(
  place: MasterPlace,
  signal: AbortSignal,
): Promise<Proc | 'mute' | null> {
  const end = Date.now() + place.patience;
  for (;;) {
    const proc = await whereNoAnswer<Proc | null>(place.master.showProc(signal), () => null);
    if (proc || !(await masterLives(place))) {
      return proc;
    }
    if (Date.now() > end) {
      return 'mute';
    }
    await sleep(50, undefined, { signal });
  }
}

/** In the middle of its re-execution a master has no arguments and perhaps no worker. */
async function masterLives({ known, pidFile, masterSocket }: MasterPlace): Promise<boolean> {
  const ours = known();
  if (ours !== null && (await haproxyLives(ours))) {
    return true;
  }
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim());
  const facts = pid > 0 ? await processFacts(pid) : null;
  if (!facts || !isHaproxy(facts)) {
    return false;
  }
  return facts.args.length === 0 || facts.args.some((arg) => arg.startsWith(`${masterSocket},`));
}
