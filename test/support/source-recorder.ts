import type { Entry } from '../../src/model/entry.ts';
import { covers } from '../../src/model/keys.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';

/** Watches a source and keeps all it says, and the tree that follows from it. */
export class SourceRecorder implements AsyncDisposable {
  readonly events: SourceEvent[] = [];
  readonly tree = new Map<string, Entry>();
  readonly #abort = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly done: Promise<void>;

  constructor(source: Source) {
    this.done = this.#run(source);
    this.done.catch(() => undefined);
  }

  get values(): Record<string, string> {
    return Object.fromEntries([...this.tree.values()].map(({ key, value }) => [key, value]));
  }

  get states(): string[] {
    return this.events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
  }

  get changes(): Extract<SourceEvent, { kind: 'changes' }>[] {
    return this.events.filter((event) => event.kind === 'changes');
  }

  get snapshots(): Extract<SourceEvent, { kind: 'snapshot' }>[] {
    return this.events.filter((event) => event.kind === 'snapshot');
  }

  /** Waits until `condition` holds; it is asked again after each event. */
  async until(condition: () => boolean, what = String(condition)): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const last = this.events.slice(-5).map((event) => show(event));
        throw new Error(`not seen within 30 s: ${what}\nlast events:\n${last.join('\n')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(source: Source): Promise<void> {
    for await (const event of source.watch(this.#abort.signal)) {
      this.events.push(event);
      this.#apply(event);
      for (const wake of this.#waiting) {
        wake();
      }
      this.#waiting.clear();
    }
  }

  #apply(event: SourceEvent): void {
    if (event.kind === 'snapshot') {
      const { refused = [] } = event;
      for (const key of this.tree.keys()) {
        if (!refused.some((prefix) => covers(prefix, key))) {
          this.tree.delete(key);
        }
      }
      for (const entry of event.entries) {
        this.tree.set(entry.key, entry);
      }
    }
    if (event.kind !== 'changes') {
      return;
    }
    for (const change of event.changes) {
      if (change.kind === 'put') {
        this.tree.set(change.entry.key, change.entry);
      } else {
        this.tree.delete(change.key);
      }
    }
  }
}

function show(event: SourceEvent): string {
  return JSON.stringify(event, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Error ? value.message : value,
  ).slice(0, 400);
}
