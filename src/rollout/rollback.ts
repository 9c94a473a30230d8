import type { Catalog } from '../model/catalog.ts';
import { addressKey, OldText, type Owner, type PutBack } from '../plan/old-text.ts';
import type { RollbackWish } from '../ports/stores.ts';

/** What a rollback put in the place of a text. */
export interface RolledBack extends PutBack {
  readonly wish: RollbackWish;
}

/** The text that a rollback puts in the place of what is drawn. */
export class Rollback {
  readonly wish: RollbackWish;
  readonly #old: OldText;

  constructor(wish: RollbackWish) {
    this.wish = wish;
    this.#old = new OldText(wish.text);
  }

  /** Backends whose servers cannot be told from the text alone: nothing but the very text can be put back. */
  get conditional(): readonly string[] {
    return this.wish.mode === 'exact' ? [] : this.#old.conditional;
  }

  /** In the place of `drawn`, which is the text of these services. */
  putBack(drawn: string, services: Catalog['services']): RolledBack {
    switch (this.wish.mode) {
      case 'today':
        return { wish: this.wish, ...this.#old.withServersOf(drawn) };
      case 'exact': {
        const owners = ownersIn(services);
        return { wish: this.wish, ...this.#old.without(drawn, (address) => owners.get(address) ?? []) };
      }
      default:
        return this.wish.mode satisfies never;
    }
  }
}

/** Who has each address. */
function ownersIn(services: Catalog['services']): ReadonlyMap<string, readonly Owner[]> {
  const owners = new Map<string, Owner[]>();
  for (const { name: service, instances } of services) {
    for (const { id, address } of instances) {
      const key = addressKey(address);
      const others = owners.get(key);
      if (others) {
        others.push({ service, id });
      } else {
        owners.set(key, [{ service, id }]);
      }
    }
  }
  return owners;
}
