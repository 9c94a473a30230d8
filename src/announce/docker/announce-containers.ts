import { messageWithHint, type PointsmanError } from '../../errors.ts';
import { clock } from '../../ports/clock.ts';
import { type Health, type HealthOptions, watchHealth } from '../health.ts';
import { readHealthCheck } from '../health-check.ts';
import type { Registration } from '../registration.ts';
import { type AnnouncingHost, type ContainerInstance, containerInstances } from './container-instances.ts';
import type { Engine } from './engine.ts';
import type { Container, EngineHealth } from './engine-answers.ts';
import { followEngine, type Selection } from './follow-engine.ts';
import { KILLED } from './stop-signal.ts';
import type { ReadWanted } from './wanted-service.ts';

/** What happens to what is announced of an engine's containers. */
export type ContainerNews =
  /** What of a container is not announced, or not as it asks: said once. */
  | { readonly kind: 'complaint'; readonly container: string; readonly message: string }
  /** It was told to end: it drains. */
  | { readonly kind: 'ending'; readonly container: string; readonly signal: number }
  /** It lives on long after it was told to end, and is announced again. */
  | { readonly kind: 'lives-on'; readonly container: string }
  /** How `web in NAME` is by its check, or `container NAME` by the engine's. */
  | { readonly kind: 'health'; readonly what: string; readonly health: Health }
  /** It is gone, and was told of before. */
  | { readonly kind: 'unchecked'; readonly what: string }
  /** The engine does not answer; what it ran stays announced. Said once for each cause. */
  | { readonly kind: 'engine-away'; readonly error: PointsmanError }
  | { readonly kind: 'engine-here' };

export interface AnnounceContainersOptions {
  readonly engine: Engine;
  readonly selection: Selection;
  /** What a container asks to be announced as. */
  readonly read: (container: Container) => ReadWanted;
  readonly host: AnnouncingHost;
  /** Takes the whole set each time that it changes. */
  readonly want: (registrations: readonly Registration[]) => void;
  /** Milliseconds from a container's stop signal to the end of its registration. */
  readonly drain: number;
  /** Of checks that do not say it themselves. */
  readonly checks?: { readonly every?: number; readonly rise?: number; readonly fall?: number };
  readonly tell: (news: ContainerNews) => void;
  /** Milliseconds beyond its own time to stop after which a container is taken to live on. @default 30,000 */
  readonly livesOn?: number;
  /** Milliseconds between two lists of the engine. @default 30,000 */
  readonly listEvery?: number;
}

/** Milliseconds that the first set waits for the checks: what was announced before us shall not go for that. */
const FIRST_VERDICTS = 2_500;
const LIVES_ON = 30_000;
/** So many containers are remembered for what was complained of. */
const REMEMBERED = 1_000;

/**
 * Announces what an engine runs, until `signal` aborts: then it says no more, and what is announced stays.
 *
 *     running, well by its checks  --its stop signal-->  drain: true  --`drain`-->  gone
 *       ^   '--died, paused, unwell, killed by signal 9-->  gone        '--died-->  gone
 *       '--started anew, or alive long after the signal--'
 */
export class ContainerAnnouncer {
  readonly #options: AnnounceContainersOptions;
  readonly #announced = new Map<string, Announced>();
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
      const one = before ?? new Announced(this.#options, () => this.#publish());
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

/** What a container's check has said last; null before the first. */
interface Checked {
  health: Health | null;
  readonly end: AbortController;
}

/** A registration that is checked, or not. */
interface CheckedInstance extends ContainerInstance {
  /** Its key in the checks that run; null where it has none. */
  readonly checkedBy: string | null;
}

/** One container that is announced, or that may be. */
class Announced {
  readonly #options: AnnounceContainersOptions;
  readonly #changed: () => void;
  readonly #checks = new Map<string, Checked>();
  #startedAt: string | null = null;
  /** What of its health was said last. */
  #engineSays: EngineHealth | null = null;
  #name = '';
  #instances: readonly CheckedInstance[] = [];
  #isHealthy = true;
  /** What was said of its health. */
  readonly #said = new Set<string>();
  #ending: 'no' | 'drains' | 'out' = 'no';
  #stopTimeout = 0;
  #cancel: () => void = () => undefined;

  constructor(options: AnnounceContainersOptions, changed: () => void) {
    this.#options = options;
    this.#changed = changed;
  }

  /** Whether a check has not said anything yet. */
  get isUndecided(): boolean {
    return this.#instances.some(
      ({ checkedBy }) => checkedBy !== null && this.#checks.get(checkedBy)?.health === null,
    );
  }

  /** Takes what the engine says now; gives what of it is not announced, or not as it asks. */
  become(container: Container): readonly string[] {
    if (container.startedAt !== this.#startedAt) {
      this.#startedAt = container.startedAt;
      this.#isHealthy = false;
      this.#engineSays = null;
      this.#become('no');
    }
    this.#name = container.name;
    this.#judge(container.health);
    this.#stopTimeout = container.stopTimeout;
    const found = containerInstances(container, this.#options.read(container), this.#options.host);
    const complaints = [...found.complaints];
    this.#instances = found.instances.flatMap((one) => this.#checked(one, complaints));
    this.#endChecksBut(new Set(this.#instances.map(({ checkedBy }) => checkedBy)));
    return complaints;
  }

  /** It was told to end by this signal. */
  endWith(signal: number): void {
    this.#become(signal === KILLED ? 'out' : 'drains');
  }

  registrations(): Registration[] {
    if (this.#ending === 'out' || !this.#isHealthy) {
      return [];
    }
    return this.#instances
      .filter(({ checkedBy }) => checkedBy === null || this.#checks.get(checkedBy)?.health?.kind === 'well')
      .map(({ registration }) =>
        this.#ending === 'drains' ? { ...registration, drain: true } : registration,
      );
  }

  close(): void {
    this.#cancel();
    this.#endChecksBut(new Set());
    for (const what of this.#said) {
      this.#options.tell({ kind: 'unchecked', what });
    }
  }

  /** An engine that was restarted begins anew with `starting`, though nothing happened to the container. */
  #judge(health: EngineHealth): void {
    if (health === 'none') {
      this.#isHealthy = true;
      return;
    }
    const before = this.#engineSays;
    if (health === before || (health === 'starting' && before !== null)) {
      return;
    }
    this.#engineSays = health;
    this.#isHealthy = health === 'healthy';
    const reason = `the health check of its image says ${health}`;
    this.#say(`container ${this.#name}`, this.#isHealthy ? { kind: 'well' } : { kind: 'unwell', reason });
  }

  #say(what: string, health: Health): void {
    this.#said.add(what);
    this.#options.tell({ kind: 'health', what, health });
  }

  #become(ending: 'no' | 'drains' | 'out'): void {
    this.#cancel();
    this.#ending = ending;
    this.#cancel = this.#later(ending);
  }

  /** What comes of it by time alone. */
  #later(ending: 'no' | 'drains' | 'out'): () => void {
    const then = (ms: number, next: 'no' | 'out') =>
      clock.after(ms, () => {
        this.#become(next);
        if (next === 'no') {
          this.#options.tell({ kind: 'lives-on', container: this.#name });
        }
        this.#changed();
      });
    if (ending === 'drains') {
      return then(this.#options.drain, 'out');
    }
    // Below 0 it has all the time of the world.
    const livesOn = ending === 'out' && this.#stopTimeout >= 0;
    return livesOn
      ? then(this.#stopTimeout * 1000 + (this.#options.livesOn ?? LIVES_ON), 'no')
      : () => undefined;
  }

  #checked(instance: ContainerInstance, complaints: string[]): CheckedInstance[] {
    const { registration, check } = instance;
    if (check === null) {
      return [{ ...instance, checkedBy: null }];
    }
    const { service, address: host, port } = registration;
    try {
      const read = readHealthCheck(check.text, { host, port }, check.from);
      const { every, rise, fall } = { ...this.#options.checks, ...check };
      const options = { check: read, every, rise, fall };
      const checkedBy = JSON.stringify([this.#startedAt, service, registration.instance, options]);
      this.#startCheck(checkedBy, options, service);
      return [{ ...instance, checkedBy }];
    } catch (error) {
      complaints.push(`not announced as ${service}: ${messageWithHint(error)}`);
      return [];
    }
  }

  #startCheck(key: string, options: HealthOptions, service: string): void {
    if (this.#checks.has(key)) {
      return;
    }
    const checked: Checked = { health: null, end: new AbortController() };
    this.#checks.set(key, checked);
    const onChange = (health: Health) => {
      checked.health = health;
      this.#say(`${service} in ${this.#name}`, health);
      this.#changed();
    };
    void watchHealth(options, onChange, checked.end.signal);
  }

  #endChecksBut(keep: ReadonlySet<string | null>): void {
    for (const [key, { end }] of this.#checks) {
      if (!keep.has(key)) {
        end.abort();
        this.#checks.delete(key);
      }
    }
  }
}
