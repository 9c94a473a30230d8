import { messageWithHint } from '../../errors.ts';
import { clock } from '../../ports/clock.ts';
import { type Health, type HealthOptions, watchHealth } from '../health.ts';
import { readHealthCheck } from '../health-check.ts';
import type { Registration } from '../registration.ts';
import { type AnnouncingHost, type ContainerInstance, containerInstances } from './container-instances.ts';
import type { Container, EngineHealth } from './engine-answers.ts';
import { KILLED } from './stop-signal.ts';
import type { ReadWanted } from './wanted-service.ts';

/** What happens to one container that is announced. */
export type OneContainersNews =
  /** It lives on long after it was told to end, and is announced again. */
  | { readonly kind: 'lives-on'; readonly container: string }
  /** How `web in NAME` is by its check, or `container NAME` by the engine's. */
  | { readonly kind: 'health'; readonly what: string; readonly health: Health }
  /** It is gone, and was told of before. */
  | { readonly kind: 'unchecked'; readonly what: string };

export interface AnnouncedOptions {
  /** What a container asks to be announced as. */
  readonly read: (container: Container) => ReadWanted;
  readonly host: AnnouncingHost;
  /** Milliseconds from a container's stop signal to the end of its registration. */
  readonly drain: number;
  /** Of checks that do not say it themselves. */
  readonly checks?: { readonly every?: number; readonly rise?: number; readonly fall?: number };
  readonly tell: (news: OneContainersNews) => void;
  /** Milliseconds beyond its own time to stop after which a container is taken to live on. @default 30,000 */
  readonly livesOn?: number;
}

const LIVES_ON = 30_000;

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

/**
 * One container that is announced, or that may be.
 *
 *     running, well by its checks  --its stop signal-->  drain: true  --`drain`-->  gone
 *       ^   '--died, paused, unwell, killed by signal 9-->  gone        '--died-->  gone
 *       '--started anew, or alive long after the signal--'
 */
export class AnnouncedContainer {
  readonly #options: AnnouncedOptions;
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

  constructor(options: AnnouncedOptions, changed: () => void) {
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
