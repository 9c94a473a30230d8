/** One change of one server that the Runtime API can make. What to send for it: `runtime-lines.ts`. */
export type ServerCommand =
  /** A new server. `keywords` are those of its line merged with `default-server`, fit for the version. */
  | {
      readonly kind: 'add';
      readonly backend: string;
      readonly server: string;
      /** A literal `IP:port`, as the line writes it. */
      readonly address: string;
      readonly keywords: readonly string[];
      /** Its checks have to be enabled by a command of their own. */
      readonly checked: boolean;
      /** It stays in maintenance: its line says `disabled`. */
      readonly disabled: boolean;
    }
  | {
      readonly kind: 'address';
      readonly backend: string;
      readonly server: string;
      /** IPv4, or IPv6 without brackets. */
      readonly host: string;
      readonly port: number;
    }
  /** From 0 to 256. */
  | { readonly kind: 'weight'; readonly backend: string; readonly server: string; readonly weight: number }
  | {
      readonly kind: 'state';
      readonly backend: string;
      readonly server: string;
      readonly state: 'ready' | 'maint';
    }
  | {
      readonly kind: 'remove';
      readonly backend: string;
      readonly server: string;
      /** What `add` would say of it, to see whether it is the same that comes back; null where it could not be added. */
      readonly keywords: readonly string[] | null;
    };

/** Why a change cannot go by the Runtime API. */
export interface Reason {
  /** A section is new, gone or moved; a line of it that is no server; a server; or no text allows it. */
  readonly about: 'section' | 'line' | 'server' | 'anything';
  /** A clause, without an end: `the balance algorithm is changed`. */
  readonly message: string;
  /** The section as its first line names it: `backend be_web`. Null where it is about no section. */
  readonly section: string | null;
  /** 1-based, null where it is about no line. */
  readonly line: number | null;
  /** The text that `line` counts in: what is gone can only be shown in the old one. */
  readonly of: 'new' | 'old';
}

/** What it takes to make a HAProxy that runs one text behave as if it had been started from another. */
export type Plan =
  /** Nothing that HAProxy reads differs: comments and white space at most. */
  | { readonly kind: 'unchanged' }
  /** These, in this order: arrivals, changes, removals. Never empty. */
  | { readonly kind: 'runtime'; readonly commands: readonly ServerCommand[] }
  /** The first reasons that were found, in the order of the text, never empty; and how many `more` there were. */
  | { readonly kind: 'reload'; readonly reasons: readonly Reason[]; readonly more: number };

/** A reason for people: `backend be_web, line 12: the keyword maxconn of server a is changed`. */
export function describeReason({ message, section, line, of }: Reason): string {
  const place = [section, line === null ? null : `line ${line}${of === 'old' ? ' of the running text' : ''}`];
  const known = place.filter((part) => part !== null);
  return known.length === 0 ? message : `${known.join(', ')}: ${message}`;
}

/** The reasons of a reload for people, the last one with the count of those that are not listed. */
export function describeReasons({ reasons, more }: Extract<Plan, { kind: 'reload' }>): string[] {
  const listed = reasons.map(describeReason);
  return more > 0 ? [...listed, `and ${more} more`] : listed;
}
