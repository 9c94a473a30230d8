import type { Emit, KeptKey, KeyRemark } from '../events.ts';
import type { CatalogView } from '../model/catalog-view.ts';
import { compare } from '../model/entry.ts';
import { refusalOf } from '../model/kept.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import { byKeyAndReason, rejection } from '../model/rejection.ts';
import type { Remark } from '../model/remarks.ts';
import type { MassClaim, Rejection } from '../model/service.ts';

/** So many remarks are shown, and so many are remembered as told: both hold whatever is written to the store. */
const SHOWN = 100;
const REMEMBERED = 10_000;

/** Tells of each key that is rejected, and of what else is noticed of it, once when that appears and once when it goes. */
export class KeyReports {
  readonly #emit: Emit;
  #rejected: readonly Rejection[] = [];
  readonly #keptMax: number;
  readonly #toldLong = new Set<string>();
  /** What was told of the kept ones, by key. */
  readonly #kept = new Map<string, KeptKey>();
  #remarks: readonly Remark[] = [];
  #massClaims: readonly MassClaim[] = [];
  readonly #toldRemarks = new Set<string>();

  /** `keptMax`: after so many milliseconds a kept key is said again, and louder. */
  constructor(emit: Emit, keptMax = Number.POSITIVE_INFINITY) {
    this.#emit = emit;
    this.#keptMax = keptMax;
  }

  /** Time goes on; `now`: milliseconds since 1970. */
  turn(now: number): void {
    const keys = [...this.#kept.values()]
      .filter(({ key, since }) => now - since > this.#keptMax && !this.#toldLong.has(key))
      .map(({ key }) => key);
    if (keys.length > 0) {
      keys.forEach((key) => void this.#toldLong.add(key));
      this.#emit({ kind: 'kept-too-long', keys });
    }
  }

  /** What is wrong with the keys as it is now. */
  update({ rejected, remarks, massClaims }: Pick<CatalogView, 'rejected' | 'remarks' | 'massClaims'>): void {
    if (rejected !== this.#rejected) {
      const before = this.#rejected;
      this.#rejected = rejected;
      this.#tellRejections(before, rejected);
    }
    if (remarks !== this.#remarks && remarks.length + this.#remarks.length > 0) {
      this.#remarks = remarks;
      this.#tellRemarks(remarks);
    }
    if (massClaims !== this.#massClaims && massClaims.length + this.#massClaims.length > 0) {
      this.#tellMassClaims(massClaims);
    }
  }

  #tellMassClaims(claims: readonly MassClaim[]): void {
    const known = new Set(this.#massClaims.map(({ service, by }) => `${service} ${by}`));
    const fresh = claims.filter(({ service, by }) => !known.has(`${service} ${by}`));
    this.#massClaims = claims;
    if (fresh.length > 0) {
      this.#emit({ kind: 'addresses-taken', claims: fresh });
    }
    this.#emit({ kind: 'mass-claims', claims: claims.slice(0, SHOWN), count: claims.length });
  }

  /** Keys that keep their last good form from now on, or another one, and keys that do not any more. */
  kept(entries: Iterable<ReadEntry>, over: Iterable<string> = []): void {
    const fresh = [...entries].map(keptKey).filter((now) => {
      const before = this.#kept.get(now.key);
      return before?.reason !== now.reason || before.form !== now.form;
    });
    const gone = [...over].filter((key) => this.#kept.delete(key));
    for (const one of fresh) {
      this.#kept.set(one.key, one);
    }
    gone.forEach((key) => void this.#toldLong.delete(key));
    if (fresh.length > 0) {
      this.#emit({ kind: 'keys-kept', kept: fresh });
    }
    if (gone.length > 0) {
      this.#emit({ kind: 'kept-over', keys: gone });
    }
  }

  #tellRejections(before: readonly Rejection[], now: readonly Rejection[]): void {
    const appeared = notIn(now, before, byKeyAndReason);
    const gone = notIn(before, now, byKey);
    if (appeared.length > 0) {
      this.#emit({ kind: 'keys-rejected', rejected: appeared });
    }
    if (gone.length > 0) {
      this.#emit({ kind: 'rejections-gone', keys: gone.map(({ key }) => key) });
    }
  }

  #tellRemarks(remarks: readonly Remark[]): void {
    const told = this.#toldRemarks;
    if (told.size > REMEMBERED) {
      told.clear();
    }
    const fresh = remarks.filter(({ service, of, field }) => {
      const id = JSON.stringify([service, of, field]);
      return !told.has(id) && told.add(id);
    });
    if (fresh.length > 0) {
      this.#emit({ kind: 'keys-remarked', remarks: fresh.map(keyRemark) });
    }
    const keys: Partial<Record<Remark['kind'], number>> = {};
    for (const { kind, count } of remarks) {
      keys[kind] = (keys[kind] ?? 0) + count;
    }
    const shown = remarks.slice(0, SHOWN).map(keyRemark);
    this.#emit({ kind: 'remarks', remarks: shown, count: remarks.length, keys });
  }
}

/** What is told of a remark. */
function keyRemark({ service, kind, count, key, message }: Remark): KeyRemark {
  return { service, kind, count, key, message };
}

/** What is told of an entry that keeps its last good form. */
export function keptKey(entry: ReadEntry): KeptKey {
  const { by, reason } = refusalOf(entry) ?? { by: 'grammar', reason: '' };
  const { key, value } = rejection(entry.form, reason);
  return { key, by, reason, since: entry.kept?.since ?? 0, form: value };
}

/** Those of a list that another one does not have, each once; both are sorted by this order. */
function notIn(
  list: readonly Rejection[],
  other: readonly Rejection[],
  order: (a: Rejection, b: Rejection) => number,
): Rejection[] {
  const missing: Rejection[] = [];
  let at = 0;
  let last: Rejection | undefined;
  for (const one of list) {
    let there = other[at];
    while (there && there !== one && order(there, one) < 0) {
      at++;
      there = other[at];
    }
    const isThere = there !== undefined && (there === one || order(there, one) === 0);
    if (!isThere && !(last && order(last, one) === 0)) {
      missing.push(one);
      last = one;
    }
  }
  return missing;
}

function byKey(a: Rejection, b: Rejection): number {
  return compare(a.key, b.key);
}
