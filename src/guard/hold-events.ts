import type { Emit } from '../events.ts';
import type { HeldKey, LetGoReason } from '../events-guard.ts';
import { clock } from '../ports/clock.ts';
import type { GuardStep } from './believed-tree.ts';

/** What comes within this time is one event: leases of one host expire one by one. */
const GATHER_MS = 50;

/** Tells what is held and let go, gathered, in their order. */
export class HoldEvents {
  readonly #emit: Emit;
  #held = new Map<string, HeldKey>();
  #letGo = new Map<string, LetGoReason>();
  #cancel: (() => void) | undefined;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** What a step holds and lets go. */
  tell({ held, letGo }: GuardStep): void {
    for (const { key, why } of letGo) {
      this.#letGo.set(key, why);
    }
    if (held.some(({ entry }) => this.#letGo.has(entry.key))) {
      this.flush();
    }
    for (const { entry, kind, rule, since, until } of held) {
      this.#held.set(entry.key, { key: entry.key, service: kind.service, rule, since, until });
    }
    this.#cancel ??= clock.after(GATHER_MS, () => this.flush());
  }

  /** Tells what it still holds back. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const [held, letGo] = [this.#held, this.#letGo];
    this.#held = new Map();
    this.#letGo = new Map();
    if (held.size > 0) {
      this.#emit({ kind: 'keys-held', held: [...held.values()] });
    }
    if (letGo.size > 0) {
      this.#emit({ kind: 'keys-let-go', keys: [...letGo].map(([key, why]) => ({ key, why })) });
    }
  }
}
