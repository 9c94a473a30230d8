/** What a caller does about an error depends on this alone. */
export type ErrorCode =
  /** Bad usage or settings: exit code 2. */
  | 'usage'
  /** A source could not be read. */
  | 'source'
  /** The template is wrong, or what it asked for is not there. */
  | 'template'
  /** HAProxy refused the configuration: exit code 3. */
  | 'refused'
  /** A file, a socket or a process of this machine said no. */
  | 'system';

/** What an expected failure may have beside its message. */
interface ErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of all expected failures: `message` says what was being done, a colon, what was found; `hint` says
 * what to do. Anything else that is thrown is a bug and shows its stack.
 */
export class PointsmanError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** Settings, flags or environment that do not fit. */
export class UsageError extends PointsmanError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('usage', message, options);
  }
}

/** A source that could not be read. */
export class SourceError extends PointsmanError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('source', message, options);
  }
}

/** A template that does not compile or could not be rendered; `message` names template, line and expression. */
export class TemplateError extends PointsmanError {
  /** The key over which it could not be rendered; null where that is not known. */
  readonly key: string | null;

  constructor(
    message: string,
    { key = null, ...options }: ErrorOptions & { readonly key?: string | null } = {},
  ) {
    super('template', message, options);
    this.key = key;
  }
}

/** A file, socket or process of this machine that said no. */
export class SystemError extends PointsmanError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('system', message, options);
  }
}

/** What people are told of an expected failure. Whatever else was thrown is a bug: it is thrown on. */
export function messageAndHint(error: unknown): { readonly message: string; readonly hint?: string } {
  if (!(error instanceof PointsmanError)) {
    throw error;
  }
  const { message, hint } = error;
  return hint === undefined ? { message } : { message, hint };
}

/** The same in one line. */
export function messageWithHint(error: unknown): string {
  const { message, hint } = messageAndHint(error);
  return hint === undefined ? message : `${message}; ${hint}`;
}

/** Whatever was thrown, as an error with a stack. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
