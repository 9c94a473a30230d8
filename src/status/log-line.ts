/** How loud a line is. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line of the log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * What HAProxy says of every start, reload and stop that went well, 2.6 to 3.4 alike. Some of it is written as a
 * warning or an alert (a former worker that ended as it should).
 */
const ROUTINE = [
  /New worker \(\d+\) forked/,
  /Initializing new worker \(\d+\)/,
  /Loading success\.$/,
  /Reloading HAProxy$/,
  /haproxy version is /,
  /path to executable is /,
  /Automatically setting global\.maxconn to \d+/,
  /Proxy \S+ (?:started|stopped \(cumulated conns: .*\))\.$/,
  /Stopping (?:proxy|frontend|backend|FE|BE) \S+ in \d+ m?s/,
  /Former worker \(\d+\) exited with code (?:0 \(Exit\)|143 \(Terminated\))/,
  /Current worker \(\d+\) exited with code (?:0 \(Exit\)|143 \(Terminated\))/,
  /Exiting Master process\.\.\./,
  /All workers exited\. Exiting\.\.\. \((?:0|143)\)/,
];

/** How loud a line of HAProxy is: `[ALERT]`, `[WARNING]` or `[NOTICE]` stand in front; what is routine is for debugging. */
export function levelOfHaproxyLine(line: string): LogLevel {
  if (ROUTINE.some((routine) => routine.test(line))) {
    return 'debug';
  }
  if (/^\s*\[(?:ALERT|EMERG|CRIT)/.test(line)) {
    return 'error';
  }
  return /^\s*\[WARNING/.test(line) ? 'warn' : 'info';
}

/** Whether a line is HAProxy's own, by what stands in front of it. */
export function isHaproxyLine(line: string): boolean {
  return /^\s*\[(?:ALERT|EMERG|CRIT|WARNING|NOTICE|DIAG)/.test(line);
}
