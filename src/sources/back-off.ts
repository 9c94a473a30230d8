/**
 * Milliseconds before the next try: 100 at first, doubled with each round (1 is the first), at most `longest`, spread
 * so that a fleet does not come back in step.
 */
export function backOff(round: number, longest: number): number {
  return Math.min(longest, 100 * 2 ** Math.min(round - 1, 10)) * (0.5 + Math.random() / 2);
}
