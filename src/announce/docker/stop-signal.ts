import { constants } from 'node:os';

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));
/** As Docker counts them on Linux. */
const REAL_TIME = { MIN: 34, MAX: 64 } as const;

/** The signal that leaves no time for anything. */
export const KILLED = 9;

/** Whether a signal ends a container: the one that it is stopped by (`SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`), or the last. */
export function endsContainer(signal: number, stopSignal: string): boolean {
  return signal === KILLED || signal === signalNumber(stopSignal);
}

function signalNumber(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) {
    return Number(text);
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const [, end, steps = '0'] = /^RT(MIN|MAX)([+-]\d{1,2})?$/.exec(name) ?? [];
  if (end === 'MIN' || end === 'MAX') {
    return REAL_TIME[end] + Number(steps);
  }
  return NUMBERS.get(`SIG${name}`);
}
