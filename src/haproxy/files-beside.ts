import type { FilesBeside } from '../ports/files-beside.ts';
import { textsBeside } from './loaded-files.ts';
import { RuntimeSession } from './runtime-session.ts';
import { quietly } from './socket-command.ts';

/** Asks the worker at a stats socket what it loaded beside our file. */
export function createFilesBeside(statsSocket: string, configPath: string): FilesBeside {
  const read = async (signal: AbortSignal) => {
    await using session = new RuntimeSession(statsSocket, signal);
    const { pid } = await session.info();
    return await textsBeside(session, pid, configPath);
  };
  return { read: (signal) => quietly(read(signal)) };
}
