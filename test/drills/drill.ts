/**
 * A fault, done to real servers, and what was promised for it. Each runs in two forms: `short` as a test, `full`
 * for the table of `npm run drills`.
 */
export interface Drill {
  /** What is done, in a few words. */
  readonly name: string;
  /** What was promised: `within 4 s`, `0 failed requests`. */
  readonly promise: string;
  /** One run on servers of its own. Throws where the promise was broken. */
  run(form: 'short' | 'full'): Promise<DrillResult>;
}

/** A drill of which each `apply.mode` is one. */
export interface ModeDrill extends Omit<Drill, 'run'> {
  run(mode: 'auto' | 'reload', form: 'short' | 'full'): Promise<DrillResult>;
}

/** What was seen. */
export interface DrillResult {
  /** Milliseconds that the promise is about: until healed, until noticed; null where it is about something else. */
  readonly ms: number | null;
  /** The rest in a few words: `0 of 1,204 requests failed`. */
  readonly seen?: string;
}
