const DURATION = /^(\d{1,9})(ms|s|m|h)$/;
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of `200ms`, `2s`, `5m` or `1h`; null for anything else. */
export function parseDuration(text: string): number | null {
  const found = DURATION.exec(text);
  const unit = found?.[2];
  return unit === 'ms' || unit === 's' || unit === 'm' || unit === 'h'
    ? Number(found?.[1]) * UNITS[unit]
    : null;
}

/** Milliseconds as `parseDuration()` reads them, in the largest unit that is whole: `90s`, `5m`. */
export function writtenDuration(ms: number): string {
  const unit = (['h', 'm', 's'] as const).find((one) => ms > 0 && ms % UNITS[one] === 0) ?? 'ms';
  return `${ms / UNITS[unit]}${unit}`;
}
