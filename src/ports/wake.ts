/** Wakes the loop: it looks at everything again. Whoever posts never waits. */
export interface Wake {
  /** `trigger` says why, for people: `template changed`. */
  post(trigger: string): void;
}
