import { isIP } from 'node:net';

const HOST = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::\d*)?$/;

/**
 * Whether a `Host` header is answered: an address, `localhost`, or one of `names`. A page that somebody opens in a browser
 * can have a name of its own point at this machine, and then read what we say; it cannot make up the header. Whoever sends
 * none is no browser.
 */
export function allowedHosts(names: readonly string[]): (header: string | undefined) => boolean {
  const known = new Set(['localhost', ...names.map((name) => name.toLowerCase())]);
  return (header) => {
    if (header === undefined || header === '') {
      return true;
    }
    const host = (HOST.exec(header)?.[1] ?? '').replace(/^\[|\]$|\.$/g, '').toLowerCase();
    return isIP(host) !== 0 || known.has(host);
  };
}
