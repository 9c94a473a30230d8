/** What one instance says of itself in the store. */
export interface Registration {
  readonly service: string;
  /** `<host>:<container>:<container port>`, or what the settings say. */
  readonly instance: string;
  /** The host part of the value. */
  readonly address: string;
  /** The published port. */
  readonly port: number;
  readonly weight?: number;
  readonly tags?: readonly string[];
  /** It takes no new sessions. @default false */
  readonly drain?: boolean;
  /** `owner` says whose it is; `version`, `started` and `host` are for people. */
  readonly meta: Readonly<Record<string, string>>;
}

/** The key of a registration below a prefix such as `/services`. */
export function keyOf(prefix: string, { service, instance }: Registration): string {
  return `${prefix}/${service}/${instance}`;
}

/** The value of a registration: the same bytes for the same registration. */
export function storedValue({ address, port, weight, tags = [], drain = false, meta }: Registration): string {
  return JSON.stringify({
    host: address,
    port,
    ...(weight === undefined ? {} : { weight }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(drain ? { drain } : {}),
    meta,
  });
}

/** Whose a value says it is; null where it does not say. */
export function ownerOf(value: string): string | null {
  try {
    const parsed: unknown = JSON.parse(value);
    const meta = field(parsed, 'meta');
    const owner = field(meta, 'owner');
    return typeof owner === 'string' && owner !== '' ? owner : null;
  } catch {
    return null;
  }
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
}
