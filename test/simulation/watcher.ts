import type { PassEvent, PointsmanEvent } from '../../src/events.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { Tree } from '../../src/model/tree.ts';
import { hashText, splitMark } from '../../src/plan/mark.ts';
import { PAUSE_KEY } from './actions.ts';
import { SETTINGS } from './core.ts';
import type { Worker } from './fake-haproxy.ts';
import { difference, type Servers, serversOf } from './haproxy-text.ts';
import { IN_TIME, InTime } from './in-time.ts';
import { type Cached, Layers } from './layers.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** What must always hold, and did not. */
export interface Violation {
  /** In milliseconds since the beginning. */
  readonly at: number;
  readonly what: string;
}

/** A pause that a key asks for. */
interface Asked {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly since: number;
}

/**
 * Looks at the ports and the events, as an outsider does, and says where a promise is broken. It knows nothing of how
 * the core is made.
 */
export class Watcher {
  readonly #world: World;
  /** The first promise that was broken. */
  violation: Violation | null = null;
  /** What is at work right now, by what it is at work on. */
  readonly #working = new Map<string, { readonly life: Life; readonly who: string }>();
  readonly #accepted = new Set<string>();
  readonly #foreign = new Set<string>();
  /** The servers of each text that the check was asked about, by its hash. */
  readonly #texts = new Map<string, Servers>();
  /** Whether the text that a worker loaded fits the mark in it. */
  readonly #ours = new WeakMap<Worker, boolean>();
  /** What the sources gave this life; its hash, now and before the last change; and since when they speak to it. */
  #raw: Map<string, Entry> | null = null;
  #rawHash = '';
  #rawBefore = '';
  /** What each source gave; and when it gave something that was not looked at yet. */
  #layers: Layers;
  #givenAt: number | null = null;
  /** Since when enough is known of the sources for a tree of theirs. */
  #enoughSince: number | null = null;
  #speaksSince = 0;
  /** What was replaced in this pass, and what of it HAProxy did not load. */
  #replaced: string | null = null;
  #notLoaded: string | null = null;
  #bornAt = 0;
  /** `be_web/a` -> what was registered as it was when the file had it and HAProxy ran it: it is not to be lost. */
  readonly #settled = new Map<string, { readonly entry: Entry; readonly address: string }>();
  /** Since when the file has had servers of a service. */
  readonly #servedSince = new Map<string, number>();
  /** Services that had instances and have none now. */
  readonly #vanished = new Map<string, { readonly at: number; readonly addresses: ReadonlySet<string> }>();
  #asked: Asked | null = null;
  #releasedAt = Number.NEGATIVE_INFINITY;
  /** A bug was put in: parts may fail. */
  bugs = 0;
  /** When Pointsman last did something: wrote the file, told HAProxy, or came to the end of a pass. */
  lastDeed = 0;

  readonly #inTime: InTime;
  readonly #isAlive: () => boolean;
  /** When the sources last said something else than the last pass has seen. */
  #unseenSince: number | null = null;
  /** Of what the sources said, what the last pass has seen. */
  #seenHash: string | null = null;

  constructor(world: World, isAlive: () => boolean) {
    this.#world = world;
    this.#isAlive = isAlive;
    this.#layers = new Layers(world.stores.ranks, cachedOf(world));
    this.#inTime = new InTime({
      world,
      isAlive,
      given: () => (this.#raw === null ? null : [...this.#raw.values()]),
      violate: (what) => this.violate(what),
    });
  }

  violate(what: string): void {
    if (this.violation) {
      return;
    }
    this.#world.say(`BROKEN: ${what}`);
    this.violation = { at: this.#world.time.now, what };
  }

  /** Something happens. */
  touched(): void {
    this.#inTime.touched();
  }

  /** A life begins. */
  born(): void {
    this.#inTime.born();
    this.#unseenSince = null;
    this.#raw = null;
    [this.#rawHash, this.#rawBefore, this.#seenHash] = ['', '', null];
    this.#layers = new Layers(this.#world.stores.ranks, cachedOf(this.#world));
    [this.#givenAt, this.#enoughSince] = [null, null];
    [this.#replaced, this.#notLoaded] = [null, null];
    this.#forgetUnknown();
    this.#bornAt = this.#world.time.now;
  }

  /**
   * The cache is written some seconds after a change: what came right before a kill is not known as good. What is kept
   * lies in it, and is not used where it is too old.
   */
  #forgetUnknown(): void {
    const { tree } = this.#world.disk;
    const isUsable = tree !== null && this.#world.time.date - tree.freshAt < SETTINGS.cache.maxAge - 60_000;
    const cached = new Map(tree?.entries.map((entry) => [entry.key, entry.kept?.form ?? entry]));
    for (const [server, { entry }] of this.#settled) {
      const isGood = isUsable && tree.sinceGood?.has(entry.key) === false;
      if (!isGood || cached.get(entry.key)?.value !== entry.value) {
        this.#settled.delete(server);
      }
    }
  }

  /** What is known of each source now. */
  get known(): Cached['known'] {
    return this.#layers.known;
  }

  /** One of the sources gives all that it has, but for the prefixes that may not be read. */
  gave(place: number, entries: readonly Entry[], refused: readonly string[]): void {
    this.#layers.gave(place, entries, refused);
    this.#givenAt = this.#world.time.now;
    if (this.#layers.isEnough) {
      this.#enoughSince ??= this.#world.time.now;
    }
  }

  /** One of the sources gives changes. */
  gaveChanges(place: number, changes: readonly Change[]): void {
    this.#layers.changed(place, changes);
    this.#givenAt = this.#world.time.now;
  }

  /** All that the sources have, or what stands in for one of them, is on its way to Pointsman. */
  delivered(entries: readonly Entry[]): void {
    const { disk, time } = this.#world;
    const before = this.#raw?.values() ?? disk.tree?.entries ?? [];
    if (this.#raw === null) {
      this.#speaksSince = time.now;
    }
    this.#given([...before], entries);
  }

  /** So are changes. */
  changed(changes: readonly Change[]): void {
    const raw = new Map(this.#raw);
    for (const change of changes) {
      if (change.kind === 'put') {
        raw.set(change.entry.key, change.entry);
      } else {
        raw.delete(change.key);
      }
    }
    this.#given([...(this.#raw?.values() ?? [])], [...raw.values()]);
  }

  #given(before: readonly Entry[], now: readonly Entry[]): void {
    const { time, disk } = this.#world;
    // What an earlier life held vanished in that one.
    const held = servicesOf(this.#raw === null ? disk.holds.map(({ entry }) => entry) : []);
    [this.#rawBefore, this.#rawHash] = [this.#rawHash, hashOf(now)];
    this.#raw = new Map(now.map((entry) => [entry.key, entry]));
    if (this.#rawHash === this.#seenHash) {
      this.#unseenSince = null;
    } else if (this.#rawHash !== this.#rawBefore) {
      this.#unseenSince = time.now;
    }
    this.#asked = this.#askedBy(this.#raw.get(PAUSE_KEY));
    const claims = claimsOf(now);
    for (const [server, { entry, address }] of this.#settled) {
      const found = this.#raw.get(entry.key);
      const isSame = found?.value === entry.value && found.modified === entry.modified;
      // Overwritten with nonsense, it keeps its last good form until its address is claimed.
      const isKept = found?.value === NONSENSE;
      if (!(isSame || isKept) || (claims.get(address) ?? 0) !== (isKept ? 0 : 1)) {
        this.#settled.delete(server);
      }
    }
    const there = servicesOf(now);
    const installed = serversOf(disk.config ?? '');
    for (const service of servicesOf(before)) {
      const since = this.#servedSince.get(service);
      const isServed = (installed.get(`be_${service}`)?.size ?? 0) > 0;
      const isOld = isServed && since !== undefined && time.now - since > 2 * SETTINGS.guard.window;
      if (!there.has(service) && isOld && !held.has(service) && !this.#vanished.has(service)) {
        const addresses = before.filter(({ key }) => serviceOf(key) === service).map(addressOf);
        this.#vanished.set(service, { at: time.now, addresses: new Set(addresses) });
      }
    }
    for (const [service, { addresses }] of this.#vanished) {
      // Nothing that is held keeps an address that is claimed, not even once it is free again.
      if (there.has(service) || [...addresses].some((address) => claims.has(address))) {
        this.#vanished.delete(service);
      }
    }
  }

  #askedBy(entry: Entry | undefined): Asked | null {
    const { time } = this.#world;
    const seconds = /^(\d+)s$/.exec(entry?.value ?? '')?.[1];
    if (entry === undefined || seconds === undefined) {
      return null;
    }
    const id = `${entry.modified} ${entry.value}`;
    return this.#asked?.id === id
      ? this.#asked
      : { id, until: time.date + Number(seconds) * 1000, since: time.now };
  }

  /** The machine's clock was set: a pause that was over may hold again. */
  clockSet(): void {
    this.#asked = this.#asked && { ...this.#asked, since: this.#world.time.now };
  }

  /** A person believes what vanished. */
  released(): void {
    this.#releasedAt = this.#world.time.now;
  }

  /** The check has spoken. */
  judged(fileText: string, isGood: boolean): void {
    this.#know(fileText);
    if (isGood) {
      this.#accepted.add(fileText);
    } else {
      this.#inTime.refused();
    }
  }

  #know(fileText: string): void {
    const { text } = splitMark(fileText);
    this.#texts.set(hashText(text), serversOf(text));
  }

  /** Somebody else wrote this into the file: it may be put back there. */
  foreign(fileText: string): void {
    this.#accepted.add(fileText);
    this.#foreign.add(fileText);
  }

  /** A file is about to take its place. */
  publishes(fileText: string): void {
    const { world, hash } = { world: this.#world, hash: hashText(splitMark(fileText).text) };
    this.lastDeed = world.time.now;
    const { config } = world.disk;
    this.#replaced = config !== null && this.#foreign.has(config) ? null : config;
    world.say(`the file becomes ${hash}`);
    if (!this.#accepted.has(fileText)) {
      this.violate(`${hash} became the file, and no check had accepted it`);
    }
    if (world.mode !== 'file' && splitMark(fileText).mark !== hash && !this.#foreign.has(fileText)) {
      this.violate(`the file's mark is not that of its text`);
    }
    if (!this.#foreign.has(fileText)) {
      this.#nothingIsLost(serversOf(fileText), 'the file');
    }
  }

  /** What is registered as it was stays, and a service that vanished is held for a while. */
  #nothingIsLost(servers: Servers, where: string): void {
    const { time, disk } = this.#world;
    if (this.#raw === null || time.now - this.#speaksSince < GRACE) {
      return;
    }
    for (const [name, { entry, address }] of this.#settled) {
      const [backend = '', server = ''] = name.split('/');
      const found = servers.get(backend)?.get(server)?.address;
      if (found !== address) {
        this.violate(`${where} loses ${name}, though ${entry.key} is ${entry.value} as before`);
      }
    }
    const cached = servicesOf(disk.tree?.entries ?? []);
    for (const [service, { at }] of this.#vanished) {
      const isHeld =
        time.now - at < SETTINGS.guard.hold - 1000 && this.#releasedAt < at && cached.has(service);
      if (isHeld && (servers.get(`be_${service}`)?.size ?? 0) === 0) {
        this.violate(
          `${where} has no server of ${service}, which vanished ${Math.round(time.now - at)} ms ago`,
        );
      }
    }
  }

  /** The file and HAProxy agree with what is registered: from here on this is not to be lost. */
  #settles(): void {
    const { disk, haproxy, time, mode } = this.#world;
    if (disk.config === null || this.#raw === null || this.#foreign.has(disk.config)) {
      return;
    }
    if (mode !== 'file' && (haproxy.worker === null || haproxy.worker.mark !== splitMark(disk.config).mark)) {
      return;
    }
    const servers = serversOf(disk.config);
    const claims = claimsOf(this.#raw.values());
    for (const entry of this.#raw.values()) {
      const [, prefix, service, id] = entry.key.split('/');
      const address = addressOf(entry);
      const name = `be_${service}/${id}`;
      const isAlone = claims.get(address) === 1;
      if (
        prefix === 'services' &&
        isAlone &&
        servers.get(`be_${service}`)?.get(id ?? '')?.address === address
      ) {
        this.#settled.set(name, { entry, address });
      }
    }
    for (const service of [...this.#servedSince.keys()]) {
      if ((servers.get(`be_${service}`)?.size ?? 0) === 0) {
        this.#servedSince.delete(service);
      }
    }
    for (const [backend, found] of servers) {
      const service = backend.slice('be_'.length);
      if (found.size > 0 && !this.#servedSince.has(service)) {
        this.#servedSince.set(service, time.now);
      }
    }
  }

  /** A batch was applied: the worker says that it runs another text. */
  applied(worker: Worker): void {
    this.lastDeed = this.#world.time.now;
    this.#checkWorker(worker);
    if (!worker.isTampered) {
      this.#nothingIsLost(worker.servers, 'HAProxy');
    }
  }

  /** The worker runs what its mark says. */
  #checkWorker(worker: Worker): void {
    const expected = worker.mark === null ? undefined : this.#texts.get(worker.mark);
    if (expected === undefined || worker.isTampered || !this.#isOurs(worker)) {
      return;
    }
    const found = difference(expected, worker.servers);
    if (found !== null) {
      this.violate(`HAProxy's mark is ${worker.mark}, but ${found}`);
    }
  }

  #isOurs(worker: Worker): boolean {
    const known = this.#ours.get(worker);
    if (known !== undefined) {
      return known;
    }
    const { text, mark } = splitMark(worker.fileText);
    const isOurs = mark !== null && hashText(text) === mark;
    this.#ours.set(worker, isOurs);
    return isOurs;
  }

  /** For so long that Pointsman must have noticed. */
  #isPaused(): boolean {
    const { disk, time } = this.#world;
    const known = Math.max(this.#bornAt, this.#speaksSince);
    return (
      isOverdue(disk.pause, this.#bornAt, time) || (this.#raw !== null && isOverdue(this.#asked, known, time))
    );
  }

  /** Work that nobody else may be at at the same time. */
  async alone<T>(life: Life, on: string, who: string, work: () => Promise<T>): Promise<T> {
    const other = this.#working.get(on);
    if (other?.life.isAlive) {
      this.violate(`two at a time on ${on}: ${other.who} and ${who}`);
    }
    if (on === BOTH && this.#isPaused()) {
      this.violate(`${who}, though a pause holds`);
    }
    const mine = { life, who };
    this.#working.set(on, mine);
    this.lastDeed = this.#world.time.now;
    try {
      return await work();
    } finally {
      this.lastDeed = this.#world.time.now;
      if (this.#working.get(on) === mine) {
        this.#working.delete(on);
      }
    }
  }

  /** Something that Pointsman told. */
  event(event: PointsmanEvent): void {
    this.#inTime.event(event);
    if (event.kind === 'reload-failed') {
      this.#notLoaded = this.#replaced === null ? null : this.#world.disk.config;
    }
    // What was recorded runs already: nothing is put back for it, whatever else the same pass loads in vain.
    if (ENDS_OF_A_LOAD.has(event.kind)) {
      [this.#replaced, this.#notLoaded] = [null, null];
    }
    if (event.kind === 'pass') {
      if (this.#notLoaded !== null && this.#notLoaded === this.#world.disk.config) {
        this.violate('HAProxy did not load the file, and what it loaded before was not put back');
      }
      [this.#replaced, this.#notLoaded] = [null, null];
      this.lastDeed = this.#world.time.now;
      this.#passed(event);
    }
    if (event.kind === 'keys-let-go' && event.keys.some(({ why }) => why === 'released')) {
      this.released();
    }
    if (event.kind === 'part-failed' && this.bugs === 0) {
      this.violate(`${event.where} threw what is a bug: ${event.stack}`);
    }
  }

  #passed({ outcome, pending, hashes }: PassEvent): void {
    // What is just on its way may come right after the pass.
    const before = this.#speaksSince === this.#world.time.now ? null : this.#rawBefore;
    if (this.#raw !== null && hashes.raw !== this.#rawHash && hashes.raw !== before) {
      this.violate(`the pass says that the sources have ${hashes.raw}, and they have ${this.#rawHash}`);
    }
    this.#seenHash = hashes.raw;
    if (this.#raw === null || hashes.raw === null || hashes.raw === this.#rawHash) {
      this.#unseenSince = null;
    }
    const isDone =
      outcome === 'unchanged' ||
      outcome === 'adopted' ||
      outcome === 'started' ||
      outcome === 'reloaded' ||
      outcome === 'unverified' ||
      outcome === 'published';
    if (isDone && pending === null) {
      this.#settles();
    }
  }

  /** After each step. */
  look(): void {
    const { worker } = this.#world.haproxy;
    if (worker && worker.mark !== 'changing') {
      this.#checkWorker(worker);
    }
    if (this.#unseenSince !== null && this.#world.time.now - this.#unseenSince > IN_TIME) {
      this.violate(`no pass has seen what the sources said ${IN_TIME} ms ago`);
    }
    if (this.#isAlive()) {
      this.#compareWithSources();
    }
    this.#inTime.look();
  }

  /** Whatever one source does, what the others give reaches Pointsman, with what is known of that one. */
  #compareWithSources(): void {
    const { now } = this.#world.time;
    if (this.#raw === null) {
      if (this.#enoughSince !== null && now - this.#enoughSince > SETTINGS.cache.wait + IN_TIME) {
        this.violate(`nothing reaches Pointsman ${IN_TIME} ms after the sources said enough for a start`);
      }
      return;
    }
    // In the moment in which they are given it may be on its way.
    if (this.#givenAt === null || this.#givenAt === now) {
      return;
    }
    this.#givenAt = null;
    if (hashOf(this.#layers.entries) !== this.#rawHash) {
      const [wanted, found] = [wordsOf(this.#layers.entries), wordsOf(this.#raw.values())];
      this.violate(`what reaches Pointsman is not what its sources gave: ${differs(wanted, found)}`);
    }
  }
}

/** The cache that a life begins with, without what is held: that comes from no source. */
function cachedOf({ disk: { tree, known, holds } }: World): Cached {
  const held = new Set(holds.map(({ entry }) => entry.key));
  return { entries: tree?.entries.filter(({ key }) => !held.has(key)) ?? [], known };
}

function wordsOf(entries: Iterable<Entry>): ReadonlySet<string> {
  return new Set([...entries].map(({ key, value }) => `${key} ${value}`));
}

function differs(wanted: ReadonlySet<string>, found: ReadonlySet<string>): string {
  const missing = [...wanted].filter((one) => !found.has(one));
  const more = [...found].filter((one) => !wanted.has(one));
  return [...missing.map((one) => `without ${one}`), ...more.map((one) => `with ${one}`)].join(', ');
}

/** After these nothing is to be put back (any more): a bug can be in that as well. */
const ENDS_OF_A_LOAD: ReadonlySet<PointsmanEvent['kind']> = new Set([
  'publish-failed',
  'rolled-back',
  'recorded',
  'part-failed',
]);

/** Whether a pause holds for so long that Pointsman must have noticed. */
function isOverdue(
  pause: { readonly since: number; readonly until: number } | null,
  knownSince: number,
  { now, date }: { readonly now: number; readonly date: number },
): boolean {
  return pause !== null && pause.until > date && now - Math.max(pause.since, knownSince) > PAUSED;
}

/** What is at work on the file, or on HAProxy. */
export const BOTH = 'the file and HAProxy';

/** Milliseconds after which nothing that was under way at the begin of a pause still is. */
const PAUSED = 12_000;

/** Milliseconds after the sources' first word to a new life: what went on its way from the cache may still arrive. */
const GRACE = 15_000;

function hashOf(entries: Iterable<Entry>): string {
  const tree = new Tree();
  tree.apply([...entries].map((entry) => ({ kind: 'put', entry })));
  return tree.hash;
}

function serviceOf(key: string): string | null {
  return /^\/services\/([^/]+)\//.exec(key)?.[1] ?? null;
}

function servicesOf(entries: readonly Entry[]): ReadonlySet<string> {
  return new Set(entries.flatMap(({ key }) => serviceOf(key) ?? []));
}

/** How many claim each address. */
function claimsOf(entries: Iterable<Entry>): ReadonlyMap<string, number> {
  const claims = new Map<string, number>();
  for (const entry of entries) {
    const address = addressOf(entry);
    claims.set(address, (claims.get(address) ?? 0) + 1);
  }
  return claims;
}

/** `host:port` of a registration; of anything else what it says. */
function addressOf({ value }: Entry): string {
  const found = /"host":"([^"]+)","port":(\d+)/.exec(value);
  return found ? `${found[1]}:${found[2]}` : value;
}

/** A value that the grammar refuses (`spoil` of the actions). */
const NONSENSE = 'nothing of ours';
