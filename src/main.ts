#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { wantsColours } from './commands/colours.ts';
import type { ExitCode, Io } from './commands/io.ts';
import { EXIT } from './commands/io.ts';
import { addCommands } from './commands/program.ts';
import { progressOn } from './commands/progress.ts';
import { PointsmanError } from './errors.ts';
import { visibleLines } from './model/visible.ts';
import { hideSecrets } from './settings/redact-settings.ts';

const hidden: string[] = [];
const crashListeners: ((error: unknown) => void)[] = [];

/** The only place that reads argv, env and signals, and that sets the exit code. */
async function main(): Promise<number> {
  keepSmall();
  // Files and folders of ours are nobody else's business; what others shall read is given to them by name.
  const umask = process.umask(0o027);
  const stop = new AbortController();
  let endLimit: number | null = LONGEST_END;
  // A group and its leader may both pass a signal on: the second one must not cut the stop short.
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) {
        endAnyway(name, endLimit);
      }
      stop.abort(name);
    });
  }
  // A reader that went away (`pointsman render | head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      process.exit(EXIT.fine);
    }
    throw error;
  });
  const terminal = process.stderr.isTTY === true;
  const progress = progressOn(terminal ? process.stderr : null);
  const io: Io = {
    out: (text) => {
      progress('');
      process.stdout.write(text);
    },
    err: (line) => {
      progress('');
      process.stderr.write(`${visibleLines(hideSecrets(line, hidden))}\n`);
    },
    progress: (line) => progress(visibleLines(hideSecrets(line, hidden))),
    hide: (secrets) => {
      for (const secret of secrets) {
        if (!hidden.includes(secret)) {
          hidden.push(secret);
        }
      }
    },
    onCrash: (listener) => crashListeners.push(listener),
    waitsFor: () => undefined,
    stdin: process.stdin,
    env: process.env,
    cwd: process.cwd(),
    terminal,
    colours: wantsColours(process.env, process.stdout.isTTY === true),
    logColours: wantsColours(process.env, terminal),
    signal: stop.signal,
    onSignal: (names, listener) => {
      for (const name of names) {
        process.on(name, () => listener(name));
      }
    },
    endsWithin: (limit) => {
      endLimit = limit;
    },
    program: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    umask,
    version: packageVersion(),
  };
  let code: number = EXIT.fine;
  const program = new Command('pointsman').exitOverride();
  addCommands(program, io, (ended) => {
    code = ended;
  });
  if (process.argv.length === 2) {
    program.outputHelp();
    return code;
  }
  try {
    await program.parseAsync(process.argv);
    return code;
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) {
      io.err(`pointsman: stopped by ${String(error)} before it was done`);
      return EXIT.failed;
    }
    return tell(error, io);
  }
}

/** Milliseconds after a signal in which everything has to come to its end: container engines kill after 10 s. */
const LONGEST_END = 9_000;

/** Whatever hangs: a signal ends the process. HAProxy goes on where it could not be told to stop. */
function endAnyway(name: string, limit: number | null): void {
  if (limit === null) {
    return;
  }
  const end = () => {
    process.stderr.write(
      `pointsman: ${name} came ${limit / 1000} s ago, and not everything has ended: it ends now\n`,
    );
    process.exit(EXIT.failed);
  };
  setTimeout(end, limit).unref();
}

/** One line and a hint; a stack only for bugs and with `--log-level debug`. */
function tell(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
  if (!(error instanceof PointsmanError)) {
    throw error;
  }
  io.err(`pointsman: ${error.message}`);
  if (error.hint !== undefined) {
    io.err(`  ${error.hint}`);
  }
  if (wantsStack(process.argv, io.env)) {
    io.err(error.stack ?? '');
  }
  if (error.code === 'usage') {
    return EXIT.usage;
  }
  return error.code === 'refused' ? EXIT.refused : EXIT.failed;
}

/** The end over a bug: it is said once, by whoever listens or as Node does. */
function crash(error: unknown): never {
  if (crashListeners.length === 0) {
    process.stderr.write(`${visibleLines(hideSecrets(inspect(error), hidden))}\n`);
  }
  for (const listener of crashListeners) {
    listener(error);
  }
  process.exit(EXIT.failed);
}

function wantsStack(argv: readonly string[], env: Io['env']): boolean {
  return / --log-level[ =]debug\b/.test(argv.join(' ')) || env.POINTSMAN_LOG_LEVEL === 'debug';
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}

/**
 * Keeps V8's young generation from growing: a daemon that makes a large text now and then would otherwise hold
 * 16 to 55 MB more for it, for ever. V8 looks at this whenever it would grow. And has it clear the old one up when that
 * has grown by 40 %: by default it waits until that is several times what lives.
 */
function keepSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=40');
}

// Not by letting the loop run dry: Node then takes its signal handlers down before the process is gone, and a second
// SIGTERM in between would be the exit code. (Pipes and files are written at once on Linux: nothing is lost.)
process.on('uncaughtException', crash);
main().then((code) => process.exit(code), crash);
