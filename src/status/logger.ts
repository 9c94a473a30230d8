import { pino } from 'pino';
import type { Emit } from '../events.ts';
import { describeLines } from './describe-lines.ts';
import type { LogLevel } from './log-line.ts';
import { prettyLine } from './pretty.ts';
import { limitRate } from './rate-limit.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty in a terminal, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Whether stderr is a terminal. */
  readonly terminal: boolean;
  /** @default as `terminal` */
  readonly colours?: boolean;
  /** Instead of stderr. */
  readonly stream?: { write(text: string): void };
}

/** Writes events to stderr, line by line and at once. Disposing writes what still waits. */
export interface EventLog extends Disposable {
  readonly listener: Emit;
  /** Writes at this level and in this format from now on. */
  follow(options: Pick<LogOptions, 'level' | 'format'>): Promise<void>;
}

/**
 * Opens the log: one line per event (HAProxy's words one by one), at most one event per second and kind with `leftOut`, the count of those that
 * were left out. Only what `describeLines` says is written, so no secret of the settings can get in.
 */
export async function openLog(options: LogOptions): Promise<EventLog> {
  let logger = await loggerOf(options);
  const lines = limitRate((event, leftOut) => {
    const count = leftOut > 0 ? { leftOut } : {};
    for (const { level, message, fields } of describeLines(event)) {
      logger[level]({ event: event.kind, ...fields, ...count }, message);
    }
  });
  return {
    listener: (event) => {
      if (describeLines(event).some(({ level }) => logger.isLevelEnabled(level))) {
        lines.listener(event);
      }
    },
    follow: async (changed) => {
      logger = await loggerOf({ ...options, ...changed });
    },
    [Symbol.dispose]: () => lines[Symbol.dispose](),
  };
}

async function loggerOf(options: LogOptions): Promise<pino.Logger> {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal);
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    await streamOf(options, pretty),
  );
}

async function streamOf(options: LogOptions, pretty: boolean): Promise<pino.DestinationStream> {
  if (!pretty) {
    return options.stream ?? pino.destination({ dest: 2, sync: true });
  }
  const format = await prettyLine({ colours: options.colours ?? options.terminal });
  const stream = options.stream ?? pino.destination({ dest: 2, sync: true });
  return { write: (line: string) => stream.write(format(line) ?? line) };
}
