import { parseDuration } from '../../model/duration.ts';

/** A check that a container asks for; what is left out is as the settings say. */
export interface WantedCheck {
  /** `tcp`, `/path` or `http://host:port/path`. */
  readonly text: string;
  /** Where it is written, for people: `the label pointsman.check`. */
  readonly from: string;
  /** Milliseconds between two checks of one that is well. */
  readonly every?: number;
  readonly rise?: number;
  readonly fall?: number;
}

/** A service that a container is to be announced as. */
export interface WantedService {
  readonly service: string;
  /** The port inside of the container; null is the only one that is published. */
  readonly port: number | null;
  /** The id of the instance. @default `<host>:<container>:<port>` */
  readonly instance?: string;
  readonly weight?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly check?: WantedCheck;
}

/** What a container says of itself, and what of that does not fit, a sentence each. */
export interface ReadWanted {
  readonly wanted: readonly WantedService[];
  readonly complaints: readonly string[];
}

/** What is written for one port, or for all: by the names of our labels behind `pointsman.`. */
export type Written = Readonly<Partial<Record<WrittenField, string>>>;

/** What can be written for a port. */
export const WRITTEN_FIELDS = [
  'service',
  'port',
  'weight',
  'tags',
  'check',
  'check.every',
  'check.rise',
  'check.fall',
] as const;
/** One of `WRITTEN_FIELDS`. */
export type WrittenField = (typeof WRITTEN_FIELDS)[number];

const TAG = /^[A-Za-z0-9_.:/=@+-]{1,128}$/;
const LARGEST_PORT = 65_535;
const LARGEST_WEIGHT = 256;

/**
 * Reads what is written for a service. What does not fit in `weight`, `tags` or in how often is checked is left out and
 * complained of; where the port or the check does not fit, nothing is announced: it would be another port, or unchecked.
 * `named` gives the full name of a field for people.
 */
export function readWanted(
  service: string,
  written: Written,
  named: (field: WrittenField) => string,
  complaints: string[],
): WantedService | null {
  const whole = (field: WrittenField, smallest: number, largest: number): number | undefined => {
    const text = written[field];
    if (text === undefined || text === '') {
      return undefined;
    }
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= smallest && number <= largest) {
      return number;
    }
    complaints.push(`${named(field)} must be a whole number from ${smallest} to ${largest}, found "${text}"`);
    return undefined;
  };
  const port = whole('port', 1, LARGEST_PORT);
  if (port === undefined && written.port !== undefined && written.port !== '') {
    return null;
  }
  const weight = whole('weight', 0, LARGEST_WEIGHT);
  const tags = tagsOf(written.tags, named('tags'), complaints);
  const every = durationOf(written['check.every'], named('check.every'), complaints);
  const rise = whole('check.rise', 1, 1000);
  const fall = whole('check.fall', 1, 1000);
  const { check } = written;
  return {
    service,
    port: port ?? null,
    ...(weight === undefined ? {} : { weight }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(check === undefined || check === ''
      ? {}
      : {
          check: {
            text: check,
            from: named('check'),
            ...(every === undefined ? {} : { every }),
            ...(rise === undefined ? {} : { rise }),
            ...(fall === undefined ? {} : { fall }),
          },
        }),
  };
}

function tagsOf(text: string | undefined, name: string, complaints: string[]): readonly string[] {
  const tags = (text ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  const fitting = tags.filter((tag) => TAG.test(tag));
  for (const tag of tags) {
    if (!TAG.test(tag)) {
      complaints.push(
        `${name}: a tag must be 1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -, found "${tag.slice(0, 60)}"`,
      );
    }
  }
  return fitting;
}

function durationOf(text: string | undefined, name: string, complaints: string[]): number | undefined {
  if (text === undefined || text === '') {
    return undefined;
  }
  const duration = parseDuration(text);
  if (duration === null || duration === 0) {
    complaints.push(`${name} must be a duration such as 500ms or 5s, found "${text}"`);
    return undefined;
  }
  return duration;
}
