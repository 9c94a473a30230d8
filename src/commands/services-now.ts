import type { KeptKey } from '../events.ts';
import { seeServers } from '../haproxy/see-servers.ts';
import { classifyKey } from '../model/keys.ts';
import { rejection } from '../model/rejection.ts';
import { visibleLines } from '../model/visible.ts';
import type { Serial } from '../ports/serial.ts';
import type { ServersSeen } from '../ports/server-health.ts';
import { hideSecrets, secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import {
  type ServicesFacts,
  type ServicesJson,
  type SetAsideKey,
  servicesView,
} from '../status/services-view.ts';
import type { Status } from '../status/status.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Io } from './io.ts';

export interface ServicesNowOptions extends Pick<Io, 'env' | 'signal'> {
  readonly served: ServedTree;
  /** Where those who list HAProxy's servers and those who delete them take turns. */
  readonly servers: Serial;
  /** What the events told. */
  readonly status: () => Pick<Status, 'held'>;
}

/**
 * Gives every service and instance with its state, and how HAProxy has it: what HAProxy says is asked for at most once a
 * second, beside the loop.
 */
export function servicesNow(
  settings: Settings,
  { served, servers, status, env, signal }: ServicesNowOptions,
): () => Promise<ServicesJson> {
  const { haproxy, prefixes } = settings;
  const see =
    haproxy.mode === 'none' || haproxy.statsSocket === ''
      ? () => Promise.resolve(unseen(haproxy))
      : seeServers({ statsSocket: haproxy.statsSocket, servers }, signal);
  const secrets = secretsOf(settings, env);
  const say = (text: string) => visibleLines(hideSecrets(text, secrets));
  return async () => {
    const seen = await see();
    const { catalog, rejected } = served;
    const { kept, setAside } = standIns(served);
    return servicesView({
      services: catalog.services,
      rejected: rejected.map((one) => ({ ...one, value: say(one.value), reason: say(one.reason) })),
      held: status().held,
      kept: kept.map((one) => ({ ...one, reason: say(one.reason) })),
      setAside: setAside.map((one) => ({ ...one, reason: say(one.reason) })),
      instanceOf: (key) => {
        const role = classifyKey(key, prefixes);
        return role.kind === 'instance' ? role : null;
      },
      seen: saidBy(seen, say),
    });
  };
}

/** What is not served as it is believed: by another form, or not at all. */
function standIns({ kept, refused }: ServedTree): Pick<ServicesFacts, 'kept' | 'setAside'> {
  const forms: KeptKey[] = [...kept];
  const setAside: SetAsideKey[] = [];
  for (const { believed, served, reason, since } of refused) {
    for (const [key, { value }] of believed) {
      const form = served.get(key);
      if (!form) {
        setAside.push({ key, reason, since });
      } else if (form.value !== value) {
        forms.push({ key, by: 'check', reason, since, form: rejection(form, reason).value });
      }
    }
  }
  return { kept: forms, setAside };
}

function unseen({ mode }: Settings['haproxy']): Extract<ServersSeen, { kind: 'unseen' }> {
  const why = mode === 'none' ? 'in mode none no HAProxy is asked' : 'haproxy.statsSocket is empty';
  return { kind: 'unseen', why };
}

/** What a check found is somebody else's words. */
function saidBy(seen: ServersSeen, say: (text: string) => string): ServersSeen {
  if (seen.kind === 'unseen') {
    return { ...seen, why: say(seen.why) };
  }
  const servers = seen.servers.map((one) => (one.why === null ? one : { ...one, why: say(one.why) }));
  return { ...seen, servers };
}
