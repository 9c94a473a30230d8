import type { Command } from 'commander';
import { completedOf } from './completion-model.ts';
import { completionScript, type Shell } from './completion-scripts.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

/** Prints what has a shell complete the program. */
export function completion(io: Io, program: Command, shell: Shell): ExitCode {
  io.out(completionScript(shell, completedOf(program)));
  return EXIT.fine;
}
