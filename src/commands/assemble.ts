import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

import type { HandRecordOptions } from '../haproxy/hand-record.ts';
import { networkOf } from '../model/address-rules.ts';
import type { CatalogOptions } from '../model/catalog.ts';
import { registeredAs } from '../model/registered-as.ts';
import { portsOf } from '../plan/bound-ports.ts';
import { readWords } from '../plan/words.ts';

import type { PaceOptions } from '../reconcile/pace.ts';
import type { RenderInput } from '../render/context.ts';
import type { Settings } from '../settings/settings.ts';
import type { ServedTree } from '../tree/served-tree.ts';

/** What of the settings the catalog needs. `vars.domain` and `vars.defaultRoutes` belong to it. */
export function catalogOptions(settings: Settings): CatalogOptions {
  const { domain, defaultRoutes } = settings.vars;
  const { addresses, sources, limits } = settings;
  const networks = (texts: readonly string[]) => texts.flatMap((text) => networkOf(text) ?? []);
  return {
    grammar: {
      prefixes: settings.prefixes,
      addresses: {
        deny: networks(addresses.deny),
        allow: networks(addresses.allow),
        names: addresses.names,
      },
      ruled: new Set([...sources.keys()].filter((place) => sources[place]?.kind !== 'file')),
      reservedPorts: reservedPorts(settings),
      placesPerService: limits.placesPerService,
    },
    duplicateAddresses: settings.duplicateAddresses,
    defaultRoutes: {
      kind: defaultRoutes === 'any' || defaultRoutes === 'none' ? defaultRoutes : 'domain',
      domain: typeof domain === 'string' && domain !== '' ? domain.toLowerCase() : null,
    },
    limits: { pairs: limits.routes, hosts: limits.hosts },
    serviceLimits: { services: limits.services, instances: limits.instances },
    massShare: settings.guard.share,
  };
}

/** What templates see beside the keys. */
export function renderContext(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
  version: string,
): Pick<RenderInput, 'node' | 'haproxy' | 'vars'> {
  const named = settings.node.env.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    node: { hostname: hostname(), env: Object.fromEntries(named) },
    haproxy: {
      version,
      statsSocket: settings.haproxy.statsSocket,
      masterSocket: settings.haproxy.masterSocket,
      serverState: serverStatePath(settings),
    },
    vars: settings.vars,
  };
}

/** Where health passes from one worker to the next; `''` where nobody could write it down. */
export function serverStatePath({ haproxy, output }: Pick<Settings, 'haproxy' | 'output'>): string {
  if (haproxy.mode === 'none' || haproxy.statsSocket === '') {
    return '';
  }
  return haproxy.serverState ?? `${output.path}.servers`;
}

/** The free keys that ask the whole fleet for a pause: `<prefix>/pointsman/pause` of each watched prefix. */
export function pauseKeys({ prefixes }: Pick<Settings, 'prefixes'>): readonly string[] {
  return prefixes.keys.map((prefix) => `${prefix === '/' ? '' : prefix}/pointsman/pause`);
}

/** By which keys the instance is registered that a server is, as far as its tree is known. */
export function registeredIn(served: ServedTree): NonNullable<HandRecordOptions['registered']> {
  return (server) => (served.hasTree ? registeredAs(served.catalog, server) : null);
}

/** Ports that no service may claim: those of the settings, Pointsman's own, and what the packaged template binds by itself. */
function reservedPorts({ ports, vars, status }: Settings): Map<number, string> {
  const reserved = new Map(ports.reserved.map((port) => [port, 'the host (ports.reserved)']));
  reserved.set(status.listen.port, 'Pointsman itself (status.listen)');
  const reserve = (binds: unknown, who: string) => {
    for (const bind of Array.isArray(binds) ? binds : [binds]) {
      const [addresses = ''] = readWords(String(bind)).words;
      for (const { first, last } of portsOf(addresses)) {
        for (let port = first; port <= last; port++) {
          reserved.set(port, who);
        }
      }
    }
  };
  reserve(vars.bind ?? ':80', 'the shared frontend (vars.bind)');
  reserve(vars.stats ?? '', 'the statistics (vars.stats)');
  return reserved;
}

/** `pace` for this host: its part of the splay is the same at every start. */
export function paceOf({ pace, haproxy }: Settings): PaceOptions {
  const place = createHash('sha256').update(hostname()).digest().readUInt32BE(0) / 2 ** 32;
  const splay = Math.round(place * pace.splay * pace.reloadInterval);
  return { ...pace, splay, maxOldWorkers: haproxy.maxOldWorkers };
}

/** Who judges, where it is not HAProxy's plain check. */
export function checkedBy({ haproxy }: Pick<Settings, 'haproxy'>): { readonly checkCommand?: string } {
  const command = haproxy.checkCommand.join(' ');
  return command === `${haproxy.binary} -c -f {config}` ? {} : { checkCommand: command };
}
