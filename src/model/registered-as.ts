import type { Catalog } from './catalog.ts';

/**
 * By which keys a server of HAProxy is registered, and since which of their revisions: the instances with its address, of
 * several those with its name. Another text where any of them was registered anew; empty where it is no instance's.
 */
export function registeredAs(
  { services, tree }: Pick<Catalog, 'services' | 'tree'>,
  { server, address }: { readonly server: string; readonly address: string },
): string {
  const all = services.flatMap(({ instances }) => instances.filter((one) => one.address === address));
  const named = all.filter(({ id }) => id === server);
  const keys = (named.length > 0 ? named : all).map(({ key }) => key);
  return keys.map((key) => `${key} ${tree.at(key)?.created ?? ''}`).join('\n');
}
