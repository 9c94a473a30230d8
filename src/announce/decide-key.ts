import type { StoredKey } from './etcd-messages.ts';
import type { PutReason } from './events.ts';
import { ownerOf } from './registration.ts';

/** A key as we wrote it, or found it to be ours, in this life. */
export interface OwnKey {
  /** The revision of that. */
  readonly revision: bigint;
  /** Every value that we sent for it, whether or not an answer came. */
  readonly values: ReadonlySet<string>;
}

/** What is known of one key. */
export interface KeyFacts {
  /** What it is to say; null where it is to go. */
  readonly wanted: { readonly value: string; readonly owner: string } | null;
  /** As it stands in the store. */
  readonly found: StoredKey | null;
  /** Our lease, decimal. */
  readonly lease: string;
  /** Null where we have nothing to do with it yet. */
  readonly own: OwnKey | null;
  /** The lease of an earlier life under which it was found. */
  readonly formerLease: string | null;
  /** Whether a key without lease and owner may be taken. */
  readonly adopt: boolean;
}

/** What is to be done about a key. */
export type KeyAction =
  /** It is as it should be. */
  | { readonly kind: 'stands' }
  /** Nothing of ours is there, and nothing is wanted. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'put'; readonly why: PutReason }
  | { readonly kind: 'delete' }
  /** It is somebody else's. */
  | { readonly kind: 'leave'; readonly who: string; readonly hint: string };

/**
 * Says what is to be done about a key. Whose it is, its value says (`meta.owner`), whatever lease it is under; every
 * change is made only where nobody has changed the key since it was read.
 *
 *     wanted  found                                         action
 *     yes     nothing                                       put
 *     yes     as wanted, under our lease                    stands
 *     yes     of our owner, written after us under a lease  leave: a newer partner of the same owner; it has it
 *     yes     of our owner, else                            put: an earlier life's, an older partner's, or edited by hand
 *     yes     without owner and lease, adopt                put
 *     yes     else                                          leave
 *     no      under our lease, and last written by us       delete
 *     no      else                                          gone
 */
export function decideKey(facts: KeyFacts): KeyAction {
  const { wanted, found } = facts;
  if (wanted === null) {
    return found !== null && isOurs(found, facts) ? { kind: 'delete' } : { kind: 'gone' };
  }
  if (found === null) {
    return { kind: 'put', why: facts.own ? 'gone' : 'new' };
  }
  if (found.value === wanted.value && found.lease === facts.lease) {
    return { kind: 'stands' };
  }
  const owner = ownerOf(found.value);
  if (owner === wanted.owner) {
    return isNewer(found, facts) ? newerPartner(owner) : { kind: 'put', why: putReason(found, facts) };
  }
  if (owner === null && found.lease === '0') {
    return facts.adopt ? { kind: 'put', why: 'adopted' } : nobodys();
  }
  return anothers(owner);
}

function isOurs(found: StoredKey, { lease, own, formerLease }: KeyFacts): boolean {
  if (own === null) {
    return found.lease === lease || found.lease === formerLease;
  }
  return found.lease === lease && isWrittenByUs(found, own);
}

/** Whether another partner of this owner took the key after us. Two would take it from each other for ever. */
function isNewer(found: StoredKey, { lease, own }: KeyFacts): boolean {
  if (own === null || found.lease === '0') {
    return false;
  }
  const ours = found.lease === lease && isWrittenByUs(found, own);
  return found.modified > own.revision && !ours;
}

/** An answer may have been lost on its way: then its revision is not known, but what was sent is. */
function isWrittenByUs({ modified, value }: StoredKey, { revision, values }: OwnKey): boolean {
  return modified <= revision || values.has(value);
}

function putReason(found: StoredKey, { own, lease }: KeyFacts): PutReason {
  return own || found.lease === lease ? 'changed' : 'taken over';
}

function newerPartner(owner: string): KeyAction {
  return {
    kind: 'leave',
    who: `a newer partner of the same owner (${owner})`,
    hint: 'Two are at work for one instance: stop one of them, or give them an --instance each.',
  };
}

function nobodys(): KeyAction {
  return {
    kind: 'leave',
    who: 'a key without owner and lease, as registrator writes it',
    hint: 'Stop what wrote it and delete it, or have it taken over with --adopt.',
  };
}

function anothers(owner: string | null): KeyAction {
  return {
    kind: 'leave',
    who: owner === null ? 'a key under a lease that says no owner' : `the owner ${owner}`,
    hint: 'Give this instance another name with --instance, or stop the other one.',
  };
}
