import type { PointsmanError } from '../../errors.ts';
import { clock } from '../../ports/clock.ts';
import type { Registration } from '../registration.ts';
import { AnnouncedContainer, type AnnouncedOptions, type OneContainersNews } from './announced-container.ts';
import type { Engine } from './engine.ts';
import type { Container } from './engine-answers.ts';
import { followEngine, type Selection } from './follow-engine.ts';

/** What happens to what is announced of an engine's containers. */
export type ContainerNews =
  | OneContainersNews
  /** What of a container is not announced, or not as it asks: said once. */
  | { readonly kind: 'complaint'; readonly container: string; readonly message: string }
  /** It was told to end: it drains. */
  | { readonly kind: 'ending'; readonly container: string; readonly signal: number }
  /** The engine does not answer; what it ran stays announced. Said once for each cause. */
  | { readonly kind: 'engine-away'; readonly error: PointsmanError }
  | { readonly kind: 'engine-here' };

export interface AnnounceContainersOptions extends Omit<AnnouncedOptions, 'tell'> {
  readonly engine: Engine;
  readonly selection: Selection;
  /** Takes the whole set each time that it changes. */
  readonly want: (registrations: readonly Registration[]) => void;
  readonly tell: (news: ContainerNews) => void;
  /** Milliseconds between two lists of the engine. @default 30,000 */
  readonly listEvery?: number;
}

/** Milliseconds that the first set waits for the checks: what was announced before us shall not go for that. */
const FIRST_VERDICTS = 2_500;
/** So many containers are remembered for what was complained of. */
const REMEMBERED = 1_000;

/**
 * Announces what an engine runs, until `signal` aborts: then it says no more, and what is announced stays.
 */
export class ContainerAnnouncer {
  readonly #options: AnnounceContainersOptions;
  readonly #announced = new Map<string, AnnouncedContainer>();
  /** What was complained of, by container: said once. */
  readonly #complaints = new Map<string, ReadonlySet<string>>();
  readonly #end = new AbortController();
  #begun: 'no' | 'waits for checks' | 'yes' = 'no';
  #leaving = false;
  #wanted = '';

  constructor(options: AnnounceContainersOptions) {
    this.#options = options;
  }

  /** Never ends before `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { engine, selection, listEvery, tell } = this.#options;
    const awayFor = new Set<string>();
    const listener = {
      containers: (running: readonly Container[]) => this.#take(running),
      ending: (container: Container, number: number) => this.#ending(container, number),
      away: (error: PointsmanError) => {
        if (!awayFor.has(error.message)) {
          awayFor.add(error.message);
          tell({ kind: 'engine-away', error });
        }
      },
      here: () => {
        awayFor.clear();
        tell({ kind: 'engine-here' });
      },
    };
    try {
      await followEngine({ engine, selection, listener, listEvery }, signal);
    } finally {
      this.#end.abort();
      for (const one of this.#announced.values()) {
        one.close();
      }
    }
  }

  /** From now on everything drains, and nothing new comes: the host leaves. */
  leave(): void {
    this.#leaving = true;
    this.#publish();
  }

  #take(running: readonly Container[]): void {
    const now = new Map(running.map((container) => [container.id, container]));
    for (const [id, one] of this.#announced) {
      if (!now.has(id)) {
        one.close();
        this.#announced.delete(id);
      }
    }
    for (const [id, container] of now) {
      const before = this.#announced.get(id);
      const one = before ?? new AnnouncedContainer(this.#options, () => this.#publish());
      this.#announced.set(id, one);
      this.#complain(container, one.become(container));
    }
    if (this.#begun === 'no') {
      this.#begun = 'waits for checks';
      const cancel = clock.after(FIRST_VERDICTS, () => this.#begin());
      this.#end.signal.addEventListener('abort', cancel, { once: true });
    }
    this.#publish();
  }

  #begin(): void {
    this.#begun = 'yes';
    this.#publish();
  }

  #complain({ id, name }: Container, complaints: readonly string[]): void {
    const before = this.#complaints.get(id);
    for (const message of complaints) {
      if (!before?.has(message)) {
        this.#options.tell({ kind: 'complaint', container: name, message });
      }
    }
    // Those of containers that are gone are kept, too: one that was paused is the same as before.
    const [oldest] = this.#complaints.keys();
    if (this.#complaints.size >= REMEMBERED && oldest !== undefined) {
      this.#complaints.delete(oldest);
    }
    this.#complaints.set(id, new Set(complaints));
  }

  #ending({ id, name }: Container, signal: number): void {
    this.#announced.get(id)?.endWith(signal);
    this.#options.tell({ kind: 'ending', container: name, signal });
    this.#publish();
  }

  #publish(): void {
    const all = [...this.#announced.values()];
    if (this.#end.signal.aborted || this.#begun === 'no') {
      return;
    }
    if (this.#begun === 'waits for checks' && all.some((one) => one.isUndecided)) {
      return;
    }
    this.#begun = 'yes';
    const registrations = all
      .flatMap((one) => one.registrations())
      .map((one): Registration => (this.#leaving ? { ...one, drain: true } : one));
    const wanted = JSON.stringify(registrations);
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#options.want(registrations);
    }
  }
}
