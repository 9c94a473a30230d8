import { PointsmanError, TemplateError } from '../errors.ts';

/** A place in a template: what errors name. */
export interface Site {
  /** Relative to the template folder. */
  readonly file: string;
  /** Counts from 1; null where nobody knows. */
  readonly line: number | null;
  /** The expression or tag as it would be written, or null. */
  readonly text: string | null;
}

/** The `TemplateError` of a place: `template parts/http.njk, line 12, {{ a.b }}: what was found`. */
export function templateError(
  site: Site,
  found: string,
  options: { hint?: string | undefined; cause?: unknown; key?: string | null } = {},
): TemplateError {
  const line = site.line === null ? '' : `, line ${site.line}`;
  const text = site.text === null ? '' : `, \`${site.text}\``;
  return new TemplateError(`template ${site.file}${line}${text}: ${found}`, options);
}

/** A fault of a template that does not know its place yet; `located` gives it one. */
export class Fault extends Error {
  readonly hint: string | undefined;
  /** The key that is at fault; null where that is not known. */
  readonly key: string | null;

  constructor(message: string, hint?: string, key: string | null = null) {
    super(message);
    this.hint = hint;
    this.key = key;
  }
}

/** Gives whatever was thrown the place of the call that it came through, unless it has one already. */
export function located(error: unknown, site: Site): PointsmanError {
  if (error instanceof PointsmanError) {
    return error;
  }
  if (error instanceof Fault) {
    return templateError(site, error.message, { hint: error.hint, key: error.key });
  }
  const message = error instanceof Error ? error.message : String(error);
  return templateError(site, message, { cause: error });
}
