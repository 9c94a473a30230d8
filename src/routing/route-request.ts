import { UsageError } from '../errors.ts';

/** A request as a frontend gets it. */
export interface RouteRequest {
  readonly method: string;
  /** The `Host` header as it is sent. */
  readonly host: string;
  /** Path and query as they are sent. */
  readonly target: string;
  /** Where the connection comes in; null for the shared frontend, whatever stands in front of that. */
  readonly port: number | null;
  /** Lower-case names of the headers besides `Host`. */
  readonly headers: readonly string[];
}

/** How a request differs from what its URL says. */
export interface RequestOptions {
  /** `Name: value`; `Host` is another host than the URL's. */
  readonly headers?: readonly string[];
  /** @default GET */
  readonly method?: string;
}

const URL_TEXT = /^(?:(?:https?|tcp):\/\/)?(?:[^/?#@]*@)?(?<authority>[^/?#@]*)(?<target>[^#]*)/i;

/** The request for a URL; nothing of its path is decoded or normalised. Throws a `UsageError`. */
export function requestOf(url: string, { headers = [], method = 'GET' }: RequestOptions = {}): RouteRequest {
  const named = headers.map(readHeader);
  const { authority = '', target = '' } = URL_TEXT.exec(url)?.groups ?? {};
  const host = named.find(({ name }) => name === 'host')?.value ?? authority;
  if (/[\s\x00-\x1f]/.test(url) || (authority === '' && host === '')) {
    throw new UsageError(`reading the URL ${JSON.stringify(url)}: it names no host`, {
      hint: "For example http://shop.example.com/cart, or /cart with --header 'Host: shop.example.com'.",
    });
  }
  const port = /:(\d{1,5})$/.exec(authority)?.[1];
  return {
    method,
    host,
    target: target.startsWith('/') ? target : `/${target}`,
    port: port === undefined ? null : Number(port),
    headers: named.flatMap(({ name }) => (name === 'host' ? [] : [name])),
  };
}

function readHeader(text: string): { readonly name: string; readonly value: string } {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`reading the header ${JSON.stringify(text)}: expected Name: value`);
  }
  return { name: name.toLowerCase(), value: value.trim() };
}
