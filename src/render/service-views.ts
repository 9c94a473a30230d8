import type { CatalogView } from '../model/catalog-view.ts';
import type { Instance, Meta, Route, Service } from '../model/service.ts';
import { findControlCharacters } from './control-characters.ts';
import { Fault } from './site.ts';

/**
 * The catalog as templates see it: the same objects, frozen, so that no template can change what the next
 * render sees; only where `meta` holds a line break or a control character, a copy whose bad field throws
 * when it is used. An unchanged service always gives the same object, which `{% memo %}` relies on.
 */
export class ServiceViews {
  readonly #views = new WeakMap<Service, Service>();
  readonly #guarded = new WeakMap<object, Meta>();
  readonly #seen = new WeakSet<object>();
  readonly #closed = new WeakSet<object>();

  services(catalog: CatalogView): readonly Service[] {
    return Object.freeze(catalog.services.map((service) => this.service(service)));
  }

  service(service: Service): Service {
    const known = this.#views.get(service);
    if (known !== undefined) {
      return known;
    }
    const view = guardService(service);
    for (const instance of view.instances) {
      this.#close(instance);
      Object.freeze(instance.tags);
      freezeDeep(instance.meta);
    }
    if (view.check !== null) {
      this.#close(view.check);
    }
    for (const part of [view.hosts, view.paths, view.timeouts, view.instances]) {
      Object.freeze(part);
    }
    freezeDeep(view.meta);
    this.#views.set(service, this.#close(view));
    return view;
  }

  /** The catalog's own array, which stays the same while no route changes: `{% memo routes %}` works. */
  routes(routes: readonly Route[]): readonly Route[] {
    if (!this.#seen.has(routes)) {
      this.#seen.add(routes);
      for (const route of routes) {
        this.#close(route);
      }
      Object.freeze(routes);
    }
    return routes;
  }

  /** Data of the settings or of the environment; what holds a line break or a control character throws when it is read. */
  guarded(value: Meta, where: string, hint: string): Meta {
    const known = this.#guarded.get(value);
    if (known !== undefined) {
      return known;
    }
    const view = guardMeta(value, where, hint);
    this.#guarded.set(value, view);
    return view;
  }

  /** Freezes data of the settings, once. `closed` has all the fields it may have, `open` has free ones. */
  settings(value: object, fields: 'closed' | 'open'): void {
    if (!this.#seen.has(value)) {
      freezeDeep(value);
      this.#seen.add(value);
    }
    if (fields === 'closed') {
      this.#closed.add(value);
    }
  }

  /** True where a missing field can only be a typo. */
  isClosed(value: object): boolean {
    return this.#closed.has(value);
  }

  /** True for what the catalog never changes in place. */
  isStable(value: object): boolean {
    return this.#closed.has(value) || this.#seen.has(value);
  }

  #close<T extends object>(value: T): T {
    this.#closed.add(value);
    return Object.freeze(value);
  }
}

const IN_STORE = 'correct the value in the store: such a value could add lines to the configuration';

/** Freezes data to the bottom. What is frozen at the top need not be below. */
function freezeDeep(value: unknown): void {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const name of Object.keys(value)) {
      // Not by value[name]: that field may be one that refuses to be read.
      freezeDeep(Object.getOwnPropertyDescriptor(value, name)?.value);
    }
  }
}

function guardService(service: Service): Service {
  const instances = service.instances.map(guardInstance);
  const meta = guardMeta(service.meta, `meta of service ${service.name}`);
  const same = meta === service.meta && instances.every((one, i) => one === service.instances[i]);
  return same ? service : { ...service, meta, instances };
}

function guardInstance(instance: Instance): Instance {
  const meta = guardMeta(instance.meta, `meta of ${instance.key}`);
  return meta === instance.meta ? instance : { ...instance, meta };
}

/** The same object where nothing is wrong; else a copy in which each bad field throws when it is read. */
function guardMeta(meta: Meta, where: string, hint = IN_STORE): Meta {
  if (findControlCharacters(meta) === null) {
    return meta;
  }
  const guarded: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(meta)) {
    const bad = findControlCharacters({ [name]: value });
    Object.defineProperty(
      guarded,
      name,
      bad === null ? { value, enumerable: true } : { get: refuse(where, bad, hint), enumerable: true },
    );
  }
  return guarded;
}

function refuse(where: string, field: string, hint: string): () => never {
  return () => {
    throw new Fault(`${where}, field ${field}, holds a line break or a control character`, hint);
  };
}
