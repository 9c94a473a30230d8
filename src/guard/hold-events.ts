import type { Emit } from '../events.ts';
import type { HeldKey, LetGoReason } from '../events-guard.ts';
import { clock } from '../ports/clock.ts';

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

  tell(
    held: readonly HeldKey[],
    letGo: readonly { readonly key: string; readonly why: LetGoReason }[],
  ): void {
    if (held.length === 0 && letGo.length === 0) {
      return;
    }
    for (const { key, why } of letGo) {
      this.#letGo.set(key, why);
    }
    if (held.some(({ key }) => this.#letGo.has(key))) {
      this.flush();
    }
    for (const one of held) {
      this.#held.set(one.key, one);
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
    const keys = [...letGo].map(([key, why]) => ({ key, why }));
    if (keys.length > 0) {
      this.#emit({ kind: 'keys-let-go', keys });
    }
  }
}
