import { didYouMean } from '../../model/nearest-names.ts';
import {
  type ReadWanted,
  readWanted,
  type WantedService,
  WRITTEN_FIELDS,
  type Written,
  type WrittenField,
} from './wanted-service.ts';

const PREFIX = 'pointsman.';
const FIELDS: ReadonlySet<string> = new Set(WRITTEN_FIELDS);
/** What a port of its own may have: it is the port. */
const OF_PORT: readonly string[] = WRITTEN_FIELDS.filter((field) => field !== 'port');

/**
 * The services that a container asks for by its labels: `pointsman.service=web`, with `pointsman.port`, `.weight`, `.tags`,
 * `.check`, `.check.every`, `.check.rise` and `.check.fall`; and for each further port `pointsman.8080.service=api` with
 * the same. What a port does not say for itself is as the container says for all.
 */
export function readContainerLabels(labels: Readonly<Record<string, string>>): ReadWanted {
  const complaints: string[] = [];
  const { all, ports } = sorted(labels, complaints);
  const general = all.service
    ? readWanted(all.service, all, (field) => `the label ${PREFIX}${field}`, complaints)
    : null;
  const { service: _, port: __, ...inherited } = all;
  const single = [...ports].flatMap(([port, own]): WantedService[] => {
    if (!own.service) {
      complaints.push(
        `the labels ${PREFIX}${port}.… need ${PREFIX}${port}.service: nothing is announced of it`,
      );
      return [];
    }
    const named = (field: WrittenField) =>
      `the label ${PREFIX}${own[field] === undefined ? '' : `${port}.`}${field}`;
    const read = readWanted(own.service, { ...inherited, ...own }, named, complaints);
    return read ? [{ ...read, port }] : [];
  });
  return { wanted: [...(general ? [general] : []), ...single], complaints: [...new Set(complaints)] };
}

/** Whether a container asks for anything by its labels. */
export function asksByLabels(labels: Readonly<Record<string, string>>): boolean {
  return Object.keys(labels).some((name) => name.startsWith(PREFIX));
}

interface Sorted {
  /** What is said without a port. */
  readonly all: Written;
  readonly ports: ReadonlyMap<number, Written>;
}

function sorted(labels: Readonly<Record<string, string>>, complaints: string[]): Sorted {
  const all: Partial<Record<WrittenField, string>> = {};
  const ports = new Map<number, Partial<Record<WrittenField, string>>>();
  for (const name of Object.keys(labels).sort()) {
    if (!name.startsWith(PREFIX)) {
      continue;
    }
    const [, digits, field = ''] = /^(?:(\d{1,5})\.)?(.*)$/s.exec(name.slice(PREFIX.length)) ?? [];
    if (!isField(field) || (digits !== undefined && field === 'port')) {
      const mean = didYouMean(field, digits === undefined ? WRITTEN_FIELDS : OF_PORT);
      complaints.push(`the label ${name} is not known${mean === undefined ? '' : `; ${mean}`}`);
      continue;
    }
    const value = (labels[name] ?? '').trim();
    if (digits === undefined) {
      all[field] = value;
    } else {
      const own = ports.get(Number(digits)) ?? {};
      own[field] = value;
      ports.set(Number(digits), own);
    }
  }
  return { all, ports };
}

function isField(field: string): field is WrittenField {
  return FIELDS.has(field);
}
