import { visible } from '../model/visible.ts';
import { describeAnnounce } from './describe.ts';
import type { Tell } from './events.ts';

export interface AnnounceLogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'auto' | 'json' | 'pretty';
  /** Whether stderr is one. */
  readonly terminal: boolean;
  /** Takes one line, without its end. */
  readonly write: (line: string) => void;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/**
 * Writes events as lines in the form of `pointsman run`: JSON, or in a terminal for people. By itself and not by pino: it
 * is a process for each container, and writes a line now and then.
 */
export function announceLog({ level, format, terminal, write }: AnnounceLogOptions): Tell {
  const isPretty = format === 'pretty' || (format === 'auto' && terminal);
  const least = LEVELS.indexOf(level);
  return (event) => {
    const { level: loud, message, fields } = describeAnnounce(event);
    if (LEVELS.indexOf(loud) < least) {
      return;
    }
    const time = new Date().toISOString();
    const shown = visible(message);
    write(
      isPretty
        ? `[${time.slice(11, 23)}] ${loud.toUpperCase()}: ${shown}`
        : JSON.stringify({ level: loud, time, event: event.kind, ...visibleFields(fields), msg: shown }),
    );
  };
}

function visibleFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? visible(value) : value]),
  );
}
