import type { AnnounceEvent } from './events.ts';

/** An event as a line of the log. */
export interface AnnounceLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** So many keys are named in a line. */
const NAMED = 5;

/** The line of an event. */
export function describeAnnounce(event: AnnounceEvent): AnnounceLine {
  switch (event.kind) {
    case 'announcing': {
      const { version, what, owner, endpoints } = event;
      return line('info', `announcing ${what} (pointsman ${version})`, { version, owner, endpoints });
    }
    case 'registered': {
      const { key, value, why } = event;
      return line(why === 'gone' ? 'warn' : 'info', `registered ${key}: ${PUT[why]}`, { key, value, why });
    }
    case 'deregistered':
      return line('info', `deregistered ${event.key}`, { key: event.key });
    case 'held-by-other': {
      const { key, who, hint } = event;
      return line('error', `${key} is left alone: it is ${who}; ${hint}`, { key, who });
    }
    case 'refused': {
      const { key, why, hint } = event;
      return line('error', `${key} is not registered: ${why}; ${hint}`, { key, why });
    }
    case 'lease-held': {
      const { lease, seconds, how } = event;
      const message =
        how === 'granted'
          ? `lease ${lease} granted for ${seconds} s`
          : `lease ${lease} of an earlier start taken up, with what is under it`;
      return line('info', message, { lease, seconds, how });
    }
    case 'lease-lost': {
      const message = `lease ${event.lease} is gone: it ran out or was revoked, or the store is another one`;
      return line('warn', message, { lease: event.lease });
    }
    case 'lease-renewed':
      return line('debug', `lease ${event.lease} renewed`, { lease: event.lease });
    case 'store-live':
      return line('info', `registering in etcd: ${event.endpoint} answers`, { endpoint: event.endpoint });
    case 'store-lost':
      return line('debug', 'etcd serves us no longer', {});
    case 'store-away':
      return line('warn', withHint(event), {});
    case 'health': {
      const { what, well, why } = event;
      return line(well ? 'info' : 'warn', `${what} is ${well ? 'well' : 'not well'}: ${why}`, { what, well });
    }
    case 'service-started': {
      const { program, pid } = event;
      return line('info', `${program} runs as process ${pid}`, { program, pid });
    }
    case 'service-ended': {
      const { program, exitCode, signal, asked } = event;
      const how = signal === null ? `with ${exitCode}` : `by ${signal}`;
      return line(asked ? 'info' : 'warn', `${program} ended ${asked ? '' : 'by itself '}${how}`, {
        program,
        exitCode,
        signal,
      });
    }
    case 'unchecked':
      return line('debug', `${event.what} is not checked any more: it is gone`, { what: event.what });
    case 'engine-here':
      return line('info', `the engine at ${event.engine} answers`, { engine: event.engine });
    case 'engine-away':
      return line('warn', withHint(event), { engine: event.engine });
    case 'container-complaint': {
      const { container, message } = event;
      return line('warn', `container ${container}: ${message}`, { container });
    }
    case 'container-ending': {
      const { container, signal } = event;
      return line('info', `container ${container} is told to end (signal ${signal})`, { container, signal });
    }
    case 'container-lives-on': {
      const { container } = event;
      return line('warn', `container ${container} lives on after its stop signal: it is announced again`, {
        container,
      });
    }
    case 'draining': {
      const { keys, ms } = event;
      return line('info', `draining for ${ms / 1000} s: ${keys} ${keys === 1 ? 'key' : 'keys'}`, {
        keys,
        ms,
      });
    }
    case 'leader': {
      const { leader, leads } = event;
      const message = leads
        ? 'this one writes the keys from now on'
        : `${leader} writes the keys; this one waits`;
      return line('info', message, { leader, leads });
    }
    case 'source-state': {
      const { source, state, message, hint } = event;
      const why =
        message === undefined ? '' : `: ${withHint({ message, ...(hint === undefined ? {} : { hint }) })}`;
      return line(state === 'live' ? 'info' : 'warn', `${source} is ${state}${why}`, { source, state });
    }
    case 'keys-held': {
      const { keys } = event;
      const named = `${keys.slice(0, NAMED).join(', ')}${keys.length > NAMED ? ', …' : ''}`;
      const message = `${keys.length} disappeared keys are held, and stay in etcd: ${named} (pointsman sync --release believes it at its start)`;
      return line('warn', message, { keys: keys.slice(0, NAMED), count: keys.length });
    }
    case 'left-out': {
      const { key, why } = event;
      return line('warn', `${key} is not written as its source has it: ${why}`, { key });
    }
    case 'settings-read': {
      const { cause, applied, restart } = event;
      const parts = [
        ...(applied.length > 0 ? [`from now on ${applied.join(', ')}`] : []),
        ...(restart.length > 0 ? [`needs a restart: ${restart.join(', ')}`] : []),
      ];
      const said = parts.length > 0 ? parts.join('; ') : 'nothing is to be changed';
      const level = restart.length > 0 ? 'warn' : 'info';
      return line(level, `settings read again (${cause}): ${said}`, { cause, applied, restart });
    }
    case 'settings-refused': {
      const message = `the settings stay as they were: ${event.message}`;
      return line('error', withHint({ ...event, message }), {});
    }
    case 'settings-mended':
      return line('info', 'the settings fit again', {});
    case 'notice':
      return line('warn', withHint(event), {});
    case 'stopping':
      return line('info', `stopping: ${event.cause}`, { cause: event.cause });
    case 'stopped':
      return line('info', 'stopped', {});
    default:
      return event satisfies never;
  }
}

const PUT: Readonly<Record<Extract<AnnounceEvent, { kind: 'registered' }>['why'], string>> = {
  new: 'it was not there',
  changed: 'it said something else',
  gone: 'it had disappeared from the store',
  'taken over': 'taken over from an earlier partner of the same owner',
  adopted: 'adopted, as it had no owner',
};

function line(level: AnnounceLine['level'], message: string, fields: AnnounceLine['fields']): AnnounceLine {
  return { level, message, fields };
}

function withHint({ message, hint }: { readonly message: string; readonly hint?: string }): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}
