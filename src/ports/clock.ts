/** What the core knows of time. Whatever waits or measures in the core does it here, so that a simulation can be the time. */
export interface Clock {
  /** Milliseconds that only grow, from a start of their own. */
  now(): number;
  /** Milliseconds since 1970, as the machine says: they jump where somebody sets its clock. */
  date(): number;
  /** `date()` when `now()` was 0. */
  readonly origin: number;
  /** Calls `call` once after so many milliseconds; gives what takes that back. `lazy` does not keep the process alive. */
  after(ms: number, call: () => void, how?: 'lazy'): () => void;
  /** Lets whatever else is due go first. */
  breathe(): Promise<void>;
}

const real: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  origin: performance.timeOrigin,
  after(ms, call, how) {
    const timer = setTimeout(call, ms);
    if (how === 'lazy') {
      timer.unref();
    }
    return () => clearTimeout(timer);
  },
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
};

let current = real;

/** The time of this process: the machine's, or the one that a simulation has put in its place. */
export const clock: Clock = {
  now: () => current.now(),
  date: () => current.date(),
  get origin() {
    return current.origin;
  },
  after: (ms, call, how) => current.after(ms, call, how),
  breathe: () => current.breathe(),
};

/** Puts another time in the place of the machine's; null gives that back. */
export function useClock(other: Clock | null): void {
  current = other ?? real;
}

/** Waits so many milliseconds, or until one of `signals` aborts: it never rejects. */
export function rest(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      for (const signal of signals) {
        signal.removeEventListener('abort', done);
      }
      resolve();
    };
    const cancel = clock.after(ms, done);
    for (const signal of signals) {
      signal.addEventListener('abort', done, { once: true });
    }
    if (signals.some(({ aborted }) => aborted)) {
      done();
    }
  });
}

/** Resolves when `signal` aborts, or has. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}
