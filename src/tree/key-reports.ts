import type { Emit } from '../events.ts';
import type { CatalogView } from '../model/catalog-view.ts';
import type { Remark } from '../model/remarks.ts';
import type { MassClaim, Rejection } from '../model/service.ts';

/** So many remarks are shown, and so many are remembered as told: both hold whatever is written to the store. */
const SHOWN = 100;
const REMEMBERED = 10_000;

/** Tells of each key that is rejected, and of what else is noticed of it, once when that appears and once when it goes. */
export class KeyReports {
  readonly #emit: Emit;
  #rejected: readonly Rejection[] = [];
  #knownRejections = new Map<string, Rejection>();
  #remarks: readonly Remark[] = [];
  #massClaims: readonly MassClaim[] = [];
  readonly #toldRemarks = new Set<string>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** What is wrong with the keys as it is now. */
  update({ rejected, remarks, massClaims }: Pick<CatalogView, 'rejected' | 'remarks' | 'massClaims'>): void {
    if (rejected !== this.#rejected) {
      this.#rejected = rejected;
      this.#tellRejections(rejected);
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

  #tellRejections(rejected: readonly Rejection[]): void {
    const now = new Map(rejected.map((rejection) => [`${rejection.key}\n${rejection.reason}`, rejection]));
    const appeared = [...now]
      .filter(([id]) => !this.#knownRejections.has(id))
      .map(([, rejection]) => rejection);
    const keys = new Set(rejected.map(({ key }) => key));
    const gone = [...this.#knownRejections.values()].map(({ key }) => key).filter((key) => !keys.has(key));
    this.#knownRejections = now;
    if (appeared.length > 0) {
      this.#emit({ kind: 'keys-rejected', rejected: appeared });
    }
    if (gone.length > 0) {
      this.#emit({ kind: 'rejections-gone', keys: [...new Set(gone)] });
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
      this.#emit({ kind: 'keys-remarked', remarks: fresh });
    }
    this.#emit({ kind: 'remarks', remarks: remarks.slice(0, SHOWN), count: remarks.length });
  }
}
