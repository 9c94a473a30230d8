import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { SystemError } from '../errors.ts';
import { readText } from '../system/read-text.ts';

/** The name of the cookie. */
export const COOKIE = 'pointsman';

/** A shorter token could be guessed. */
const SHORTEST = 16;
/** So many wrong tokens in this time, in milliseconds; then none is looked at until it is over. */
const MOST_WRONG = 10;
const WRONG_WINDOW = 60_000;

/** What a request shows of who sent it. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
}

/** What becomes of a request for what not everybody may see. */
export type Verdict =
  | { readonly kind: 'in' }
  /** There is no token in the settings, so nobody may. */
  | { readonly kind: 'closed' }
  /** It shows no token, or a wrong one. */
  | { readonly kind: 'out' }
  /** Too many wrong ones came. */
  | { readonly kind: 'later' };

export interface AccessOptions {
  /** `status.tokenFile` of the settings. It is read at each request, so that a new token needs no restart. */
  readonly tokenFile?: string | undefined;
  readonly now: () => number;
}

/** Who may see texts and diffs: whoever shows the token, or the cookie that it was changed for. */
export class Access {
  readonly #options: AccessOptions;
  /** A cookie is the token under this key: a restart or another token ends it. */
  readonly #key = randomBytes(32);
  #wrong: readonly number[] = [];

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether there is a token at all. */
  get isOpen(): boolean {
    return this.#options.tokenFile !== undefined;
  }

  /** Whether who shows this may see it. Throws a `SystemError` where the token cannot be read. */
  async judge({ authorization, cookie }: Credentials): Promise<Verdict> {
    const shown = /^Bearer +(\S{1,1024})$/i.exec(authorization ?? '')?.[1];
    if (shown !== undefined) {
      return this.judgeToken(shown);
    }
    const token = await this.#token();
    if (token === null) {
      return { kind: 'closed' };
    }
    const value = new RegExp(`(?:^|;\\s*)${COOKIE}=([0-9a-f]{64})(?:;|$)`).exec(cookie ?? '')?.[1] ?? '';
    return { kind: isSame(value, this.#sealed(token)) ? 'in' : 'out' };
  }

  /** The same for a token. */
  async judgeToken(shown: string): Promise<Verdict> {
    const token = await this.#token();
    if (token === null) {
      return { kind: 'closed' };
    }
    const now = this.#options.now();
    this.#wrong = this.#wrong.filter((at) => now - at < WRONG_WINDOW);
    if (this.#wrong.length >= MOST_WRONG) {
      return { kind: 'later' };
    }
    if (isSame(this.#sealed(shown), this.#sealed(token))) {
      return { kind: 'in' };
    }
    this.#wrong = [...this.#wrong, now];
    return { kind: 'out' };
  }

  /** The header that gives a browser the cookie of whoever showed the token; null where there is none. */
  async cookie(): Promise<string | null> {
    const token = await this.#token();
    return token && `${COOKIE}=${this.#sealed(token)}; Path=/; HttpOnly; SameSite=Strict`;
  }

  async #token(): Promise<string | null> {
    const { tokenFile } = this.#options;
    return tokenFile === undefined ? null : readToken(tokenFile);
  }

  #sealed(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('hex');
  }
}

/** The token of `status.tokenFile`. Throws a `SystemError`. */
export async function readToken(path: string): Promise<string> {
  const token = (await readText(path))?.trim() ?? null;
  if (token === null || token.length < SHORTEST) {
    throw new SystemError(
      `reading status.tokenFile ${path}: ${token === null ? 'there is no such file' : `it holds fewer than ${SHORTEST} characters`}`,
      { hint: `Make one: openssl rand -hex 32 > ${path}, readable for Pointsman's user alone.` },
    );
  }
  return token;
}

/** Both are as long as each other, or nothing was shown. */
function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
