import type { KeptKey } from '../events.ts';
import { look, seeServers } from '../haproxy/see-servers.ts';
import { classifyKey } from '../model/keys.ts';
import { rejection } from '../model/rejection.ts';
import { visibleLines } from '../model/visible.ts';
import type { Serial } from '../ports/serial.ts';
import type { ServersSeen } from '../ports/server-health.ts';
import { hideSecrets } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import {
  detailedServices,
  type ServicesFacts,
  type ServicesNow,
  type SetAsideKey,
  servicesView,
} from '../status/services-view.ts';
import type { Status } from '../status/status.ts';
import { inPieces, jsonText } from '../system/in-pieces.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Io } from './io.ts';

export interface ServicesNowOptions extends Pick<Io, 'signal'> {
  /** What is not to be told, asked anew each time: settings change. */
  readonly secrets: () => readonly string[];
  readonly served: ServedTree;
  /** Where those who list HAProxy's servers and those who delete them take turns. */
  readonly servers: Serial;
  /** What the events told. */
  readonly status: () => Pick<Status, 'held' | 'setByHand'>;
}

/** Gives what the daemon serves, and how HAProxy has it. What that says is asked for at most once a second, beside the loop. */
export function servicesNow(
  settings: Settings,
  { served, servers, status, secrets, signal }: ServicesNowOptions,
): ServicesNow {
  const mute = whyMute(settings);
  const see =
    mute === null
      ? seeServers({ statsSocket: settings.haproxy.statsSocket, servers }, signal)
      : () => Promise.resolve(mute);
  const facts = async () =>
    factsOf(settings, { served, secrets: secrets(), seen: await see(), held: status().held });
  return {
    plain: async () => inPieces(servicesView(await facts())),
    detailed: async () => {
      const { remarks, ignored } = served.catalog;
      const beside = { from: 'daemon', remarks, ignored, setByHand: status().setByHand.values() } as const;
      const all = await inPieces(detailedServices(await facts(), beside));
      return inPieces(jsonText({ ...all }, 'services'));
    },
  };
}

/** One look at HAProxy's servers, for a command. */
export function seeOnce(settings: Settings, signal: AbortSignal): Promise<ServersSeen> {
  const mute = whyMute(settings);
  return mute === null ? look(settings.haproxy.statsSocket, signal) : Promise.resolve(mute);
}

/** What a tree that is served says of services, and what is not to be told of it. */
interface Serving extends Pick<ServicesFacts, 'held' | 'seen'> {
  readonly served: ServedTree;
  readonly secrets: readonly string[];
}

/** What services are made of. Nothing in it that people read holds a secret. */
export function factsOf(
  { prefixes }: Pick<Settings, 'prefixes'>,
  { served, secrets, ...more }: Serving,
): ServicesFacts {
  const say = (text: string) => visibleLines(hideSecrets(text, secrets));
  const { kept, setAside } = standIns(served);
  return {
    services: served.catalog.services,
    rejected: served.rejected.map((one) => ({ ...one, value: say(one.value), reason: say(one.reason) })),
    kept: kept.map((one) => ({ ...one, form: say(one.form), reason: say(one.reason) })),
    setAside: setAside.map((one) => ({ ...one, reason: say(one.reason) })),
    held: more.held,
    instanceOf: (key) => {
      const role = classifyKey(key, prefixes);
      return role.kind === 'instance' ? role : null;
    },
    seen: saidBy(more.seen, say),
    waitsFor: served.waitsFor,
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

function whyMute({ haproxy }: Settings): Extract<ServersSeen, { kind: 'unseen' }> | null {
  if (haproxy.mode === 'none') {
    return { kind: 'unseen', why: 'in mode none no HAProxy is asked' };
  }
  return haproxy.statsSocket === '' ? { kind: 'unseen', why: 'haproxy.statsSocket is empty' } : null;
}

/** What a check found is somebody else's words. */
function saidBy(seen: ServersSeen, say: (text: string) => string): ServersSeen {
  if (seen.kind === 'unseen') {
    return { ...seen, why: say(seen.why) };
  }
  const servers = seen.servers.map((one) => (one.why === null ? one : { ...one, why: say(one.why) }));
  return { ...seen, servers };
}
