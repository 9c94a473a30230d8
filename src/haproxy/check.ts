import { messageAndHint } from '../errors.ts';
import type { Judge, Verdict } from '../ports/judge.ts';
import { type Ran, runProgram, whyNotRun } from '../system/run-program.ts';
import { dropTemp, type FileAccess, removeLeftovers, writeTemp } from '../system/temp-file.ts';

export interface JudgeSettings {
  /** The target: candidates are written into its folder. */
  readonly path: string;
  /** The candidate gets what the target shall have, so that another user's HAProxy can read it. */
  readonly access: FileAccess;
  /** Program and arguments; `{config}` becomes the candidate's path. No shell. */
  readonly checkCommand: readonly string[];
  /** Milliseconds. */
  readonly checkTimeout: number;
}

/**
 * Judges with HAProxy itself (`haproxy -c -f CANDIDATE`). Its exit code alone decides, so a text with warnings
 * is accepted; 125 to 127 are no judgement but `docker`'s and the shell's "could not run it". The first
 * check removes what killed runs left. Rejects only where `signal` aborts.
 */
export function createJudge(settings: JudgeSettings): Judge {
  let cleaned: Promise<void> | undefined;
  return {
    async check(fileText, signal) {
      signal.throwIfAborted();
      cleaned ??= removeLeftovers(settings.path);
      await cleaned;
      let candidate: string;
      try {
        candidate = await writeTemp(settings.path, fileText, settings.access);
      } catch (error) {
        const { message, hint = '' } = messageAndHint(error);
        return { kind: 'broken', message: `${message}. ${hint}`.trim() };
      }
      try {
        return await judge(settings, candidate, signal);
      } finally {
        await dropTemp(candidate);
      }
    },
  };
}

async function judge(settings: JudgeSettings, candidate: string, signal: AbortSignal): Promise<Verdict> {
  const [command = '', ...args] = settings.checkCommand.map((part) => part.replaceAll('{config}', candidate));
  const result = await runProgram(command, args, { timeout: settings.checkTimeout, signal });
  signal.throwIfAborted();
  const { said, exitCode } = result;
  const output = said.replaceAll(candidate, settings.path).trim();
  if (exitCode === 0) {
    return { kind: 'accepted', warnings: warningsOf(output) };
  }
  if (exitCode === null || (exitCode >= 125 && exitCode <= 127)) {
    return { kind: 'broken', message: whyBroken(settings, result, output) };
  }
  return { kind: 'refused', output, lines: namedLines(said, candidate) };
}

function whyBroken(settings: JudgeSettings, result: Ran, output: string): string {
  const command = settings.checkCommand.join(' ');
  const program = settings.checkCommand[0] ?? '';
  const said = output === '' ? '' : ` It said: ${output}`;
  if (result.timedOut) {
    const limit = `${settings.checkTimeout / 1000} s`;
    return `checking with "${command}": no verdict in ${limit}. Host names that no DNS server answers block it (use a resolvers section and init-addr last,none), or raise haproxy.checkTimeout.${said}`;
  }
  if (result.error) {
    return `checking with "${command}": ${whyNotRun(program, result.error)}. Install HAProxy, or correct haproxy.checkCommand.`;
  }
  if (result.signal !== null) {
    return `checking with "${command}": it was ended by ${result.signal}. Look for the out-of-memory killer, then try again.${said}`;
  }
  return `checking with "${command}": it could not be run (exit code ${result.exitCode}). Try the command by hand, or set haproxy.checkCommand.${said}`;
}

const NO_WARNING =
  /^(Configuration file is valid|Warnings were found\.|\[NOTICE\].*: (haproxy version is|path to executable is).*)$/;

function warningsOf(output: string): string {
  return output
    .split('\n')
    .filter((line) => !NO_WARNING.test(line))
    .join('\n')
    .trim();
}

/** The candidate's lines that alerts name; those of warnings only where nothing else names any (`-dW`). */
function namedLines(said: string, candidate: string): readonly number[] {
  const all = said.split('\n');
  const alerts = all.filter((line) => !/^\[(WARNING|NOTICE|DIAG)/.test(line));
  const named = linesIn(alerts.join('\n'), candidate);
  return named.length > 0 ? named : linesIn(said, candidate);
}

function linesIn(text: string, candidate: string): readonly number[] {
  const found = text.split(`[${candidate}:`).slice(1);
  const numbers = found.map((rest) => Number.parseInt(rest, 10)).filter((line) => line > 0);
  return [...new Set(numbers)].sort((one, other) => one - other);
}
