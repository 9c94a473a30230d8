import type { Outcome, PointsmanEvent } from '../../src/events.ts';
import type { Entry } from '../../src/model/entry.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { differsFromFile, differsFromWanted, isWrong } from './settled.ts';
import type { World } from './world.ts';

export interface InTimeOptions {
  readonly world: World;
  /** Whether Pointsman lives now, and is to go on. */
  readonly isAlive: () => boolean;
  /** What reached this life of the sources; null before the first of it. */
  readonly given: () => readonly Entry[] | null;
  readonly violate: (what: string) => void;
}

/**
 * In a world in which nothing hinders it, what should be so is so in time: HAProxy runs the file, and the file is what
 * follows from the keys. A pause until the next try counts as a hindrance where Pointsman tells it; none is longer than the
 * simulation's last minutes.
 */
export class InTime {
  readonly #options: InTimeOptions;
  /** When something last hindered it, or will until then. */
  #hinderedAt = 0;
  /** When something happened last that takes its time to be everywhere. */
  #touchedAt = 0;
  /** When the check last refused a text: it may be tried again with growing pauses that nobody tells. */
  #refusedAt = Number.NEGATIVE_INFINITY;
  /** Since when HAProxy runs something else than the file. */
  #otherSince: number | null = null;
  #other = '';
  /** The worker and the file that were compared last. */
  #compared = '';
  /** As Pointsman tells it, in milliseconds since 1970. */
  #pausedUntil = 0;
  /** How the last pass ended. */
  #outcome: Outcome = 'waiting';
  readonly #held = new Set<string>();
  readonly #aside = new Set<string>();
  /** What was compared with the keys, by when it was touched. */
  #lookedAt = -1;

  constructor(options: InTimeOptions) {
    this.#options = options;
    options.world.stores.onChange(() => this.touched());
    options.world.onTemplate(() => this.touched());
  }

  /** Something happens. */
  touched(): void {
    this.#touchedAt = this.#options.world.time.now;
  }

  /** A life begins. */
  born(): void {
    this.touched();
    this.#held.clear();
    this.#aside.clear();
    this.#outcome = 'waiting';
    this.#pausedUntil = 0;
  }

  /** The check refused a text. */
  refused(): void {
    this.#refusedAt = this.#options.world.time.now;
  }

  /** Something that Pointsman told. */
  event(event: PointsmanEvent): void {
    const { now } = this.#options.world.time;
    switch (event.kind) {
      case 'keys-held':
        event.held.forEach(({ key }) => void this.#held.add(key));
        break;
      case 'keys-let-go':
        event.keys.forEach(({ key }) => void this.#held.delete(key));
        this.touched();
        break;
      case 'quarantined':
        event.units.forEach(({ unit }) => void this.#aside.add(unit));
        break;
      case 'quarantine-released':
        event.units.forEach((unit) => void this.#aside.delete(unit));
        this.touched();
        break;
      case 'paused':
        this.#pausedUntil = event.until;
        break;
      case 'resumed':
        this.#pausedUntil = 0;
        this.touched();
        break;
      case 'pass':
        this.#outcome = event.outcome;
        break;
      default:
        if ('retryInMs' in event && event.retryInMs !== null) {
          this.#hinderedAt = Math.max(this.#hinderedAt, now + event.retryInMs);
        }
    }
  }

  /** After each step. */
  look(): void {
    const { world, violate } = this.#options;
    const { now } = world.time;
    if (this.#isHindered()) {
      this.#hinderedAt = Math.max(this.#hinderedAt, now);
    }
    if (this.#isStuck()) {
      this.#hinderedAt = Math.max(this.#hinderedAt, now + LONGEST_RETRY);
    }
    this.#compareWithFile();
    if (this.#otherSince !== null && this.#isLate(Math.max(this.#otherSince, this.#touchedAt))) {
      violate(`${Math.round(now - this.#otherSince)} ms long: ${this.#other}`);
    }
    if (this.#isLate(this.#touchedAt) && this.#lookedAt !== this.#touchedAt && this.#isKnown()) {
      this.#lookedAt = this.#touchedAt;
      void this.#compareWithKeys();
    }
  }

  #isLate(since: number): boolean {
    return this.#options.world.time.now - Math.max(since, this.#hinderedAt) > IN_TIME;
  }

  #isHindered(): boolean {
    const { world, isAlive, given } = this.#options;
    const { faults, haproxy, disk, time } = world;
    const { checkBroken, checkSlow, preflight, templateMissing } = faults;
    const until = Math.max(checkBroken, checkSlow, preflight, templateMissing, faults.disk.until);
    const isPaused = Math.max(disk.pause?.until ?? 0, this.#pausedUntil) > time.date;
    const isThere = haproxy.isUp || world.mode === 'file';
    const isReady = isThere && given() !== null && this.#outcome !== 'waiting';
    return !isAlive() || time.now < until || isPaused || !isReady;
  }

  /** HAProxy stays ahead with what it was made to run while the check says no to everything, and until the next try after it. */
  #isStuck(): boolean {
    const { faults, time } = this.#options.world;
    const isRefused = this.#outcome === 'template-error' || this.#outcome === 'refused';
    return isRefused && time.now < faults.checkRefuses;
  }

  #compareWithFile(): void {
    const { world } = this.#options;
    const { haproxy, disk, time, mode } = world;
    const { worker } = haproxy;
    const compared = `${worker?.pid} ${worker?.mark} ${worker?.isTampered && time.now} ${disk.version}`;
    if (mode === 'file' || compared === this.#compared) {
      return;
    }
    this.#compared = compared;
    const isOurs = disk.config !== null && splitMark(disk.config).mark !== null;
    const found = isOurs ? differsFromFile(world) : null;
    if (found === null) {
      this.#otherSince = null;
    } else {
      this.#otherSince ??= time.now;
      this.#other = found;
    }
  }

  /** Whether it follows from the keys alone what the file should be. */
  #isKnown(): boolean {
    const { disk, template, time, faults } = this.#options.world;
    const given = this.#options.given();
    return (
      given !== null &&
      disk.holds.length + this.#held.size + this.#aside.size === 0 &&
      (template === 'first' || template === 'second') &&
      time.now > Math.max(this.#refusedAt + LONGEST_PAUSE, faults.checkRefuses) &&
      !given.some(({ value }) => isWrong(value))
    );
  }

  /** Time does not pass meanwhile. */
  async #compareWithKeys(): Promise<void> {
    const { world, given, violate } = this.#options;
    const found = await differsFromWanted(world, given() ?? []);
    if (found !== null) {
      violate(`${Math.round(world.time.now - this.#touchedAt)} ms after the last change ${found}`);
    }
  }
}

/** Milliseconds after which what happened must be everywhere, where nothing hinders it. */
export const IN_TIME = 20_000;
/** Milliseconds between two tries of what was refused, at most. */
const LONGEST_RETRY = 60_000;

/** Milliseconds after a refusal in which the next try may still be waited for. */
const LONGEST_PAUSE = 90_000;
