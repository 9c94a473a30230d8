import { type Engine, EngineError } from '../../../src/announce/docker/engine.ts';
import type { Container, EngineEvent, Listed } from '../../../src/announce/docker/engine-answers.ts';
import { container } from './container.ts';

/** An engine whose events may get lost, and that may hang: what a real one does only under load. */
export class LossyEngine implements Engine {
  readonly name = 'unix:///test';
  readonly containers = new Map<string, Container>();
  readonly inspected: string[] = [];
  /** Containers that no answer comes for. */
  readonly hangs = new Set<string>();
  isAway = false;
  #streams = new Set<(event: EngineEvent | null) => void>();

  set(one: Container): void {
    this.containers.set(one.id, one);
  }

  tell(action: string, id: string, signal: number | null = null): void {
    const name = this.containers.get(id)?.name ?? '';
    for (const stream of this.#streams) {
      stream({ action, id, name, signal });
    }
  }

  /** It restarts: the streams end. */
  restart(): void {
    for (const stream of this.#streams) {
      stream(null);
    }
    this.#streams.clear();
  }

  async list(): Promise<readonly Listed[]> {
    this.#answers();
    return [...this.containers.values()].map((one) => {
      const { id, name, labels, state, bindings, health } = one;
      return { id, name, labels, state, print: JSON.stringify([state, bindings, health]) };
    });
  }

  async inspect(id: string, signal: AbortSignal): Promise<Container | null> {
    this.#answers();
    this.inspected.push(id);
    if (this.hangs.has(id)) {
      return await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    const { containers } = this;
    return containers.get(id) ?? [...containers.values()].find(({ name }) => name === id) ?? null;
  }

  async events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    this.#answers();
    const queue: (EngineEvent | null)[] = [];
    let bell = Promise.withResolvers<void>();
    this.#streams.add((event) => {
      queue.push(event);
      bell.resolve();
    });
    signal.addEventListener('abort', () => bell.resolve(), { once: true });
    return (async function* () {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event === null) {
          return;
        }
        if (event) {
          yield event;
        } else {
          bell = Promise.withResolvers();
          await bell.promise;
        }
      }
    })();
  }

  #answers(): void {
    if (this.isAway) {
      throw new EngineError('away', 'asking the engine at unix:///test: nobody listens');
    }
  }
}

/** A container by this id and name, with its port 80 published at one of the host. */
export function at(id: string, host: number, more: Partial<Container> = {}): Container {
  return container({ id, name: id, bindings: [{ container: 80, host, ip: '0.0.0.0' }], ...more });
}
