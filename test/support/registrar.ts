import { type EtcdRegistrarOptions, openEtcdRegistrar } from '../../src/announce/etcd-registrar.ts';
import type { AnnounceEvent } from '../../src/announce/events.ts';
import { createLeaseFile } from '../../src/announce/lease-file.ts';
import type { Registrar } from '../../src/announce/registrar.ts';
import type { Registration } from '../../src/announce/registration.ts';
import type { TestEtcd } from './etcd.ts';
import { waitFor } from './haproxy.ts';

/** A registrar, with what it told. Disposing closes it as a kill would: nothing is taken out. */
export interface TestRegistrar extends AsyncDisposable {
  readonly registrar: Registrar;
  readonly events: readonly AnnounceEvent[];
  /** Waits until it has told so many events of a kind, and gives that one. */
  told<K extends AnnounceEvent['kind']>(
    kind: K,
    count?: number,
  ): Promise<Extract<AnnounceEvent, { readonly kind: K }>>;
}

/** Opens a registrar of `owner` with its state in `stateDir`. */
export function openRegistrar(
  etcd: Pick<TestEtcd, 'endpoint'>,
  options: { readonly stateDir: string; readonly owner?: string } & Partial<
    Pick<EtcdRegistrarOptions, 'ttl' | 'adopt' | 'access'>
  >,
): TestRegistrar {
  const { stateDir, owner = 'machine/web', ttl = 30, adopt = false } = options;
  const events: AnnounceEvent[] = [];
  const registrar = openEtcdRegistrar({
    access: options.access ?? { endpoints: [etcd.endpoint] },
    prefix: '/services',
    ttl,
    adopt,
    leaseFile: createLeaseFile(stateDir, owner, ({ message }) => events.push({ kind: 'notice', message })),
    tell: (event) => events.push(event),
  });
  return {
    registrar,
    events,
    async told<K extends AnnounceEvent['kind']>(kind: K, count = 1) {
      type Told = Extract<AnnounceEvent, { readonly kind: K }>;
      const found = () => events.filter((event): event is Told => event.kind === kind)[count - 1];
      return waitFor(found, { what: `${kind} (${count})`, timeout: 20_000 }).then(
        () => found() as Told,
        (error: Error) => {
          throw new Error(`${error.message}:\n${events.map((event) => JSON.stringify(event)).join('\n')}`);
        },
      );
    },
    [Symbol.asyncDispose]: () => registrar.close({ leave: false }),
  };
}

/** A registration of `instance`. */
export function registrationFor(
  instance: string,
  { owner = 'machine/web', ...more }: { readonly owner?: string } & Partial<Registration> = {},
): Registration {
  return { service: 'web', instance, address: '10.1.2.3', port: 8080, meta: { owner }, ...more };
}
