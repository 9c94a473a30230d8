/** Why a key was put. */
export type PutReason =
  /** It was not there. */
  | 'new'
  /** It is there, but says something else, or under another lease of ours. */
  | 'changed'
  /** Somebody deleted it, its lease ran out, or the store was emptied. */
  | 'gone'
  /** An earlier partner of the same owner had put it. */
  | 'taken over'
  /** It had neither owner nor lease (`adopt`). */
  | 'adopted';

/** What `announce` does and finds, in its order. */
export type AnnounceEvent =
  | {
      readonly kind: 'announcing';
      readonly version: string;
      /** What it is for: `web on port 8080`. */
      readonly what: string;
      readonly owner: string;
      readonly endpoints: readonly string[];
    }
  | {
      readonly kind: 'registered';
      readonly key: string;
      readonly value: string;
      readonly why: PutReason;
    }
  /** A key of ours was deleted. */
  | { readonly kind: 'deregistered'; readonly key: string }
  /** A key that we would put, and that is somebody else's: it is left alone. Said when it is found, and when that changes. */
  | { readonly kind: 'held-by-other'; readonly key: string; readonly who: string; readonly hint: string }
  /** A key that the store does not let us read or write. Said once for each cause; it is tried again. */
  | { readonly kind: 'refused'; readonly key: string; readonly why: string; readonly hint: string }
  /** `lease` as etcdctl writes it, in hexadecimal digits; `seconds` is what etcd gives at least. */
  | {
      readonly kind: 'lease-held';
      readonly lease: string;
      readonly seconds: number;
      readonly how: 'granted' | 'taken up';
    }
  /** It ran out or was revoked, or the store is another one: what was under it is put again under a new one. */
  | { readonly kind: 'lease-lost'; readonly lease: string }
  /** The lease was renewed. */
  | { readonly kind: 'lease-renewed'; readonly lease: string }
  | { readonly kind: 'store-live'; readonly endpoint: string }
  /** It served us, and does not any more. */
  | { readonly kind: 'store-lost' }
  /** Said once for each cause. What is registered stays for as long as its lease. */
  | { readonly kind: 'store-away'; readonly message: string; readonly hint?: string }
  /** The check found what is announced well or not. */
  | { readonly kind: 'health'; readonly what: string; readonly well: boolean; readonly why: string }
  /** What was checked is gone. */
  | { readonly kind: 'unchecked'; readonly what: string }
  /** `--exec`: the service runs as our child. */
  | { readonly kind: 'service-started'; readonly program: string; readonly pid: number }
  /** `asked` is whether it ended because we passed a signal on. */
  | {
      readonly kind: 'service-ended';
      readonly program: string;
      readonly exitCode: number;
      readonly signal: string | null;
      readonly asked: boolean;
    }
  /** The engine of the containers answers. */
  | { readonly kind: 'engine-here'; readonly engine: string }
  /** It does not; what it ran stays announced. Said once for each cause. */
  | {
      readonly kind: 'engine-away';
      readonly engine: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** What of a container is not announced, or not as its labels ask: said once. */
  | { readonly kind: 'container-complaint'; readonly container: string; readonly message: string }
  /** A container got the signal that ends it: it drains, and is out after that. */
  | { readonly kind: 'container-ending'; readonly container: string; readonly signal: number }
  /** It lives on long after that, and is announced again. */
  | { readonly kind: 'container-lives-on'; readonly container: string }
  /** It takes no new sessions from now on; after `ms` it is taken out. */
  | { readonly kind: 'draining'; readonly keys: number; readonly ms: number }
  /** `sync`: who of several writes the keys now, and whether that is us. */
  | { readonly kind: 'leader'; readonly leader: string; readonly leads: boolean }
  /** `sync`: what it writes comes from there. Said once for each change. */
  | {
      readonly kind: 'source-state';
      readonly source: string;
      readonly state: 'connecting' | 'live' | 'stale';
      readonly message?: string;
      readonly hint?: string;
    }
  /** `sync`: these went from the sources, and the guard holds them. */
  | { readonly kind: 'keys-held'; readonly keys: readonly string[] }
  /** `sync`: what a source has and is not written, or not as it has it. */
  | { readonly kind: 'left-out'; readonly key: string; readonly why: string }
  /** `sync`: its settings were read again: the keys that hold from now on, and those that need a restart. */
  | {
      readonly kind: 'settings-read';
      readonly cause: 'file' | 'SIGHUP';
      readonly applied: readonly string[];
      readonly restart: readonly string[];
    }
  /** `sync`: the settings file does not fit: what it said before holds. Said once for each cause. */
  | { readonly kind: 'settings-refused'; readonly message: string; readonly hint?: string }
  /** `sync`: it fits again. */
  | { readonly kind: 'settings-mended' }
  /** Something worth a warning, once. */
  | { readonly kind: 'notice'; readonly message: string; readonly hint?: string }
  | { readonly kind: 'stopping'; readonly cause: string }
  | { readonly kind: 'stopped' };

/** Takes an event to whoever tells it. */
export type Tell = (event: AnnounceEvent) => void;
