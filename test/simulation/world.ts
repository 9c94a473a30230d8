import { SystemError } from '../../src/errors.ts';
import type { Entry } from '../../src/model/entry.ts';
import type { CachedTree, HeldPauses, Hold } from '../../src/ports/stores.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import type { BugPort, TemplateVariant } from './actions.ts';
import { FakeHaproxy } from './fake-haproxy.ts';
import { FakeStores, type SourceRank } from './fake-stores.ts';
import type { Cached } from './layers.ts';
import type { Random } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

/** How HAProxy can be seen: by a socket, not at all, or (`file`) there is none. */
export type Mode = 'seen' | 'unseen' | 'file';

/** What lies on the disk, whoever lives. */
export interface Disk {
  config: string | null;
  /** Counts whatever replaced the file. */
  version: number;
  readonly kept: string[];
  readonly edits: string[];
  tree: CachedTree | null;
  /** What was known of each source when it was written, as `Layers` says it. */
  known: Cached['known'];
  holds: readonly Hold[];
  releaseAsked: boolean;
  pending: string | null;
  quarantine: string | null;
  pause: { readonly since: number; readonly until: number } | null;
  paused: HeldPauses | null;
  pauseKeys: ReadonlyMap<string, number>;
  crashes: number;
}

/** What goes wrong until when, and how often. */
export interface Faults {
  checkBroken: number;
  checkSlow: number;
  checkRefuses: number;
  preflight: number;
  disk: { until: number; how: 'early' | 'late' };
  runTime: { how: 'breaks off' | 'is refused' | 'does nothing'; count: number };
  bug: BugPort | null;
  templateMissing: number;
}

/** Everything around Pointsman. */
export class World {
  readonly time = new VirtualTime();
  readonly stores: FakeStores;
  readonly haproxy: FakeHaproxy;
  readonly random: Random;
  readonly mode: Mode;
  /** How slow the ports are: most calls take no time, some take as long as this, in milliseconds. */
  readonly lag: number;
  readonly say: (what: string) => void;
  readonly disk: Disk = {
    config: null,
    version: 0,
    kept: [],
    edits: [],
    tree: null,
    known: [],
    holds: [],
    releaseAsked: false,
    pending: null,
    quarantine: null,
    pause: null,
    paused: null,
    pauseKeys: new Map(),
    crashes: 0,
  };
  readonly faults: Faults = {
    checkBroken: 0,
    checkSlow: 0,
    checkRefuses: 0,
    preflight: 0,
    disk: { until: 0, how: 'early' },
    runTime: { how: 'breaks off', count: 0 },
    bug: null,
    templateMissing: 0,
  };
  template: TemplateVariant = 'first';
  readonly #templateListeners = new Set<() => void>();

  constructor(options: {
    readonly random: Random;
    readonly mode: Mode;
    readonly sources: readonly SourceRank[];
    readonly say: (what: string) => void;
  }) {
    const { random, mode, sources, say } = options;
    this.stores = new FakeStores(sources);
    this.random = random;
    this.mode = mode;
    this.say = say;
    this.lag = random.stream('lag').pick([0, 20, 200, 2000]);
    this.haproxy = new FakeHaproxy({
      time: this.time,
      random: random.stream('HAProxy'),
      file: () => this.disk.config,
      say,
    });
  }

  /** Calls `listener` when the template changed, until the returned function is called. */
  onTemplate(listener: () => void): () => void {
    this.#templateListeners.add(listener);
    return () => this.#templateListeners.delete(listener);
  }

  setTemplate(variant: TemplateVariant): void {
    this.template = variant;
    this.templateTouched();
  }

  templateTouched(): void {
    for (const listener of [...this.#templateListeners]) {
      listener();
    }
  }

  /** Writes the file, whoever it is. */
  replaceConfig(text: string | null): void {
    this.disk.config = text;
    this.disk.version++;
  }

  /** Throws where the disk fails now. */
  diskMayFail(when: 'early' | 'late', what: string): void {
    const { until, how } = this.faults.disk;
    if (this.time.now < until && how === when) {
      throw new SystemError(`writing ${what}: no space left on device`, { hint: 'Make some space.' });
    }
  }

  /** Throws what is a bug, where there is one. */
  mayHaveBug(port: BugPort): void {
    if (this.faults.bug === port) {
      this.faults.bug = null;
      this.say(`the next call of ${port} throws what is a bug`);
      throw new TypeError(`a bug in ${port}`);
    }
  }

  /** Nothing goes wrong from now on. */
  mend(): void {
    const { faults, haproxy, stores } = this;
    faults.checkBroken = 0;
    faults.checkSlow = 0;
    faults.checkRefuses = 0;
    faults.preflight = 0;
    faults.disk = { until: 0, how: 'early' };
    faults.runTime = { how: 'breaks off', count: 0 };
    faults.bug = null;
    faults.templateMissing = 0;
    haproxy.failing = 0;
    haproxy.losing = 0;
    haproxy.deadly = 0;
    haproxy.downUntil = this.time.now;
    for (const store of stores.all) {
      store.cut(false);
      if (store.refused !== null) {
        store.refuse(null);
      }
    }
    this.templateTouched();
  }
}

/** The template folder with this variant in it. */
export function templateSet(variant: TemplateVariant): TemplateSet {
  return {
    folder: '/templates',
    entry: 'haproxy.cfg.njk',
    files: new Map([['haproxy.cfg.njk', TEXTS[variant]]]),
  };
}

const HEAD = `global
  maxconn {{ getv("/haproxy/maxconn", "1000") }}

defaults
  timeout connect 1s

`;
const BACKENDS = `{% for s in services %}
backend be_{{ s.name }}
  balance {{ s.balance or "roundrobin" }}
{% if s.timeouts.server is defined %}
  timeout server {{ s.timeouts.server }}
{% endif %}
{% if s.meta.line is defined %}
  {{ s.meta.line }}
{% endif %}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}{% if i.weight is not none %} weight {{ i.weight }}{% endif %}{% if i.meta.opt is defined %} {{ i.meta.opt }}{% endif %}{% if i.meta.slots is defined %} maxconn {{ atoi(i.meta.slots) }}{% endif %}

{% endfor %}
{% endfor %}
`;
const TEXTS: Readonly<Record<TemplateVariant, string>> = {
  first: `${HEAD}${BACKENDS}`,
  second: `${HEAD}frontend all\n  bind :80\n\n${BACKENDS}`,
  broken: `${HEAD}{% for s in services %}`,
  refused: `${HEAD}frontend all\n  bogus\n\n${BACKENDS}`,
  failing: `${HEAD}{{ getv("/haproxy/is-not-there") }}\n${BACKENDS}`,
};

/** The tree of the store in a few words, for a story. */
export function treeWords(entries: readonly Entry[]): string {
  return entries.map(({ key, value }) => `${key}=${value}`).join(' ');
}
