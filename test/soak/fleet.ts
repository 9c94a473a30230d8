import { setTimeout as sleep } from 'node:timers/promises';
import { type Listener, listen, type Mortal, startMortal } from './instance.ts';
import { isOut, type Outlook } from './outlook.ts';
import type { Random } from './random.ts';
import type { Store } from './store.ts';
import type { Story } from './story.ts';

/** An instance that is registered. */
interface Instance {
  readonly id: string;
  listener: Listener;
  /** What its value says besides the address. */
  extra: Record<string, unknown>;
}

/** A service and its instances. One thing at a time is done to it. */
export interface Service {
  readonly name: string;
  readonly instances: Map<string, Instance>;
}

/** After HAProxy took an instance out, it serves for this long: answers under way come to their end. */
const GRACE = 300;
/** Workers of before a reload may send to an instance for this long. Longer than `timeout client` is no promise. */
const OLD_WORKERS = 5_000;
/** So long at most until HAProxy took out what was deleted: holds, pauses and dead stores included. */
const TAKEN_OUT = 60_000;
/** Seconds at most after the death of an instance in which a request to its service may still meet it. */
const DEATH = 4;

/** The instances, and how they come, change and go, as a good partner does it. */
export class Fleet implements AsyncDisposable {
  readonly services = new Map<string, Service>();
  readonly #store: Store;
  readonly #outlook: Outlook;
  readonly #story: Story;
  readonly #random: Random;
  readonly #deaths = new Map<string, { readonly from: number; to: number }>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #mortals = new Set<Mortal>();
  #count = 0;

  constructor(options: { store: Store; outlook: Outlook; story: Story; random: Random }) {
    this.#store = options.store;
    this.#outlook = options.outlook;
    this.#story = options.story;
    this.#random = options.random;
  }

  service(name: string): Service {
    const known = this.services.get(name);
    if (known) {
      return known;
    }
    const service: Service = { name, instances: new Map() };
    this.services.set(name, service);
    return service;
  }

  /** Serves first, then is registered. */
  async announce(service: Service): Promise<void> {
    this.#count += 1;
    const id = `i${this.#count}`;
    const listener = await listen(service.name, id);
    const instance: Instance = { id, listener, extra: {} };
    service.instances.set(id, instance);
    await this.#register(service, instance);
  }

  async weigh(service: Service): Promise<void> {
    const instance = this.#random.pick([...service.instances.values()]);
    if (!instance) {
      return;
    }
    instance.extra = { ...instance.extra, weight: this.#random.int(1, 256) };
    await this.#register(service, instance);
  }

  /** The same instance at another address; the old one serves until nobody is sent there any more. */
  async move(service: Service): Promise<void> {
    const instance = this.#random.pick([...service.instances.values()]);
    if (!instance) {
      return;
    }
    const old = instance.listener;
    instance.listener = await listen(service.name, instance.id);
    await this.#register(service, instance);
    this.#leave(`${service.name}/${instance.id} at its old address`, old);
  }

  /** Deleted at once, or after a while of draining. It serves until nobody is sent to it any more. */
  async retire(service: Service, way: 'delete' | 'drain'): Promise<void> {
    const instance = this.#random.pick([...service.instances.values()]);
    if (!instance) {
      return;
    }
    service.instances.delete(instance.id);
    if (way === 'drain') {
      await this.#register(service, { ...instance, extra: { ...instance.extra, drain: true } });
      await sleep(this.#random.int(200, 1500));
    }
    await this.#store.delete(`/services/${service.name}/${instance.id}`);
    this.#leave(`${service.name}/${instance.id}`, instance.listener);
  }

  /** A process that is registered and used, dies without a word, and whose lease runs out `after` milliseconds later. */
  async die(service: Service, after: number): Promise<void> {
    this.#count += 1;
    const id = `mortal${this.#count}`;
    const mortal = await startMortal(service.name, id);
    this.#mortals.add(mortal);
    const key = `/services/${service.name}/${id}`;
    await this.#store.put(key, `127.0.0.1:${mortal.port}`);
    await this.#outlook.until(({ rows }) => rows.some(({ port }) => port === mortal.port), 5_000);
    await sleep(300);
    const from = this.#story.now;
    const death = { from, to: from + DEATH };
    this.#deaths.set(service.name, death);
    await mortal.kill();
    await sleep(after);
    await this.#store.delete(key);
    const out = await this.#outlook.until((view) => isOut(view, mortal.port), DEATH * 1000);
    if (out) {
      death.to = Math.min(death.to, this.#story.now);
    }
  }

  /**
   * Whether a request to a service, under way from `sent` to `failed`, may have met an instance in its death: it was
   * under way when one died, or was sent while HAProxy still knew that one, for some seconds at most.
   */
  mayMeetDeath(service: string, sent: number, failed: number): boolean {
    const death = this.#deaths.get(service);
    return death !== undefined && failed >= death.from && sent < death.to;
  }

  /** Everybody who is going is gone. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mortal of this.#mortals) {
      await mortal.kill();
    }
    const all = [...this.services.values()].flatMap(({ instances }) => [...instances.values()]);
    await Promise.all(all.map(({ listener }) => listener.stop()));
  }

  #register(service: Service, { id, listener, extra }: Instance): Promise<void> {
    const plain = Object.keys(extra).length === 0 && this.#random.chance(0.5);
    const value = plain ? `127.0.0.1:${listener.port}` : { host: '127.0.0.1', port: listener.port, ...extra };
    return this.#store.put(`/services/${service.name}/${id}`, value);
  }

  #leave(what: string, listener: Listener): void {
    const going = (async () => {
      const out = await this.#outlook.until((view) => isOut(view, listener.port), TAKEN_OUT);
      if (!out) {
        this.#story.problem(`${what} was not taken out within ${TAKEN_OUT} ms`);
      }
      await this.#outlook.until(({ oldWorkers }) => oldWorkers === 0, OLD_WORKERS);
      await sleep(GRACE);
      await listener.stop();
    })();
    this.#leaving.add(going);
    void going.finally(() => this.#leaving.delete(going));
  }
}
