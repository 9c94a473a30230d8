import type { EventOf, Outcome, PassEvent, PointsmanEvent } from '../events.ts';

/** So many things that were said meanwhile are kept, and so much of each. */
const MOST_WORDS = 20;
const MOST_TEXT = 2000;
const MOST_KEYS = 5;

const CHANGED: ReadonlySet<Outcome> = new Set([
  'started',
  'reloaded',
  'runtime',
  'unverified',
  'published',
  'published-waiting',
]);
const IDLE: ReadonlySet<Outcome> = new Set(['paused', 'waiting']);

/** Whether a pass waits for a person or a source. */
export function isIdle({ outcome }: PassEvent): boolean {
  return IDLE.has(outcome);
}

/** Whether a pass changed something, or failed, or something was refused meanwhile, or a pause began or ended. */
export function isTold({ outcome, error }: PassEvent, { words, isPause }: Said): boolean {
  return isPause || CHANGED.has(outcome) || error !== null || words.length > 0;
}

/** What was said between two passes, for whoever asks why. */
export interface Said {
  readonly words: readonly string[];
  /** Who began or ended a pause in it; null where nobody is known to have. */
  readonly by: string | null;
  /** Whether a pause began or ended: that is told whatever the pass did. */
  readonly isPause: boolean;
}

const NOTHING: Omit<Said, 'words'> = { by: null, isPause: false };

/** Gathers what is said. */
export class Words {
  #words: string[] = [];
  #more = 0;
  #pause = NOTHING;
  /** The pause that was told: it is said again each minute. */
  #paused = '';

  /** Whether a pause began or ended since. */
  get isPause(): boolean {
    return this.#pause.isPause;
  }

  take(event: PointsmanEvent): void {
    if (event.kind === 'paused' || event.kind === 'resumed') {
      const paused = event.kind === 'paused' ? `${event.until} ${event.by}` : '';
      if (paused === this.#paused) {
        return;
      }
      this.#paused = paused;
      this.#pause = { by: event.by, isPause: true };
    }
    const say = SAYINGS[event.kind] as ((event: PointsmanEvent) => readonly string[]) | undefined;
    for (const word of say?.(event) ?? []) {
      if (this.#words.length < MOST_WORDS) {
        this.#words.push(word.length > MOST_TEXT ? `${word.slice(0, MOST_TEXT - 1)}…` : word);
      } else {
        this.#more++;
      }
    }
  }

  /** All of them, once. */
  taken(): Said {
    const words = this.#more > 0 ? [...this.#words, `and ${this.#more} more`] : this.#words;
    const said = { ...this.#pause, words };
    this.#words = [];
    this.#more = 0;
    this.#pause = NOTHING;
    return said;
  }
}

const SAYINGS: {
  readonly [K in PointsmanEvent['kind']]?: (event: EventOf<K>) => readonly string[];
} = {
  paused: ({ until, by }) => [`paused until ${new Date(until).toISOString()} by ${by}`],
  resumed: ({ cause }) => [`no longer paused: ${cause}`],
  'check-refused': ({ output, excerpt }) => [
    ['haproxy refuses the configuration:', output.trim(), ...excerpt].join('\n'),
  ],
  'check-broken': ({ message }) => [`the check could not be done: ${message}`],
  'preflight-failed': ({ message }) => [message],
  'publish-failed': ({ message }) => [`publishing failed: ${message}`],
  'reload-failed': ({ message }) => [`HAProxy did not reload: ${message}`],
  'template-error': ({ message }) => [message],
  'nobody-quarantined': ({ message }) => [message],
  'haproxy-exited': ({ cause }) => [cause],
  'hand-edit': ({ path, kept }) => [
    `${path} was changed by somebody else and is put right${kept === null ? '' : ` (kept as ${kept})`}`,
  ],
  'servers-drifted': ({ differences }) => [`HAProxy's servers were others: ${differences.join('; ')}`],
  quarantined: ({ units }) =>
    units.map(
      ({ unit, keys, reason, instead }) =>
        `${unit} is set aside (${shown(keys)}; ${instead} stands in its place): ${reason}`,
    ),
  'keys-kept': ({ kept }) =>
    kept.map(({ key, form, reason }) => `${key} keeps its last good form "${form}": ${reason}`),
  'keys-rejected': ({ rejected }) =>
    rejected.map(
      ({ key, reason, other }) => `${key} is rejected: ${reason}${other === undefined ? '' : `: ${other}`}`,
    ),
  'keys-held': ({ held }) => [
    `the guard holds ${held.length === 1 ? 'a key' : `${held.length} keys`} that went: ${shown(held.map(({ key }) => key))}`,
  ],
  'keys-let-go': ({ keys }) => [
    `the guard let go of ${keys.length === 1 ? 'a key' : `${keys.length} keys`}: ${shown(keys.map(({ key, why }) => `${key} (${why})`))}`,
  ],
};

function shown(keys: readonly string[]): string {
  const more = keys.length - MOST_KEYS;
  return `${keys.slice(0, MOST_KEYS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
