import { createInterface } from 'node:readline';
import { visible } from '../model/visible.ts';
import { prettyLine } from '../status/pretty.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

/** Reads a log in JSON from stdin, as `journalctl -o cat` gives it, and prints it as a terminal shows it, line by line. */
export async function pretty(io: Io): Promise<ExitCode> {
  const format = await prettyLine({ colours: io.colours });
  const lines = createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const stop = () => lines.close();
  io.signal.addEventListener('abort', stop, { once: true });
  for await (const line of lines) {
    io.out(format(line) ?? `${visible(line)}\n`);
  }
  return EXIT.fine;
}
