import type { KeyRemark, PassEvent, PointsmanEvent, QuarantinedUnit, RejectedKey } from '../events.ts';
import type { GuardRule, HeldKey } from '../events-guard.ts';
import type { PresentHaproxy } from '../events-haproxy.ts';
import { levelOfHaproxyLine } from './haproxy-line.ts';
import type { LogLevel, LogLine } from './log-line.ts';

const SHOWN = 20;

/** An event as a line of the log: one sentence for people, the figures as fields. */
export function describeEvent(event: PointsmanEvent): LogLine {
  switch (event.kind) {
    case 'starting': {
      const { kind: _, ...fields } = event;
      return line(
        'info',
        `pointsman ${event.version} starts: ${event.sources.join(', ')} -> ${event.target} (${event.mode})`,
        fields,
      );
    }
    case 'started':
      return line('info', 'started');
    case 'stopping':
      return line('info', `stopping: ${event.cause}`);
    case 'stopped':
      return line('info', 'stopped');
    case 'crashed': {
      const { stack, haproxy } = event;
      const goesOn =
        haproxy === null ? '' : `. HAProxy (pid ${haproxy}) goes on, and the next start adopts it`;
      const fields = { ...(stack === null ? {} : { stack }), haproxy };
      return line('error', `pointsman ends over an error: ${event.message}${goesOn}`, fields);
    }
    case 'notice':
      return line('warn', withHint(event.message, event.hint));
    case 'part-failed': {
      const { where, message, stack, report, retryInMs } = event;
      const kept = report === null ? '' : `; its input is kept in ${report}, please report it`;
      const said = `${where} failed, which is a bug: ${message}${again(retryInMs)}${kept}`;
      return line('error', said, { where, stack });
    }
    case 'paused': {
      const until = new Date(event.until).toISOString();
      return line('warn', `PAUSED until ${until} by ${event.by}: neither the file nor HAProxy is touched`, {
        until,
      });
    }
    case 'resumed':
      return line('warn', `no longer paused: ${event.cause}`);
    case 'source-state': {
      const { source, state, error } = event;
      const why = error === null ? '' : `: ${error}`;
      return line(state === 'stale' ? 'warn' : 'info', `${event.name} is ${state}${why}`, { source, state });
    }
    case 'source-data': {
      const { source, changed, keys, revision } = event;
      return line('debug', `${event.name}: ${event.what}`, { source, changed, keys, revision });
    }
    case 'keys-rejected':
      return rejected(event.rejected);
    case 'keys-remarked':
      return remarked(event.remarks);
    case 'remarks':
      return line('debug', `${event.count} remarks on keys`);
    case 'rejections-gone':
      return line('info', `no longer rejected: ${shorten(event.keys)}`, { count: event.keys.length });
    case 'keys-held':
      return held(event.held);
    case 'keys-let-go':
      return letGo(event.keys);
    case 'cache-served': {
      const { keys, ageMs, waitedMs } = event;
      const age = `${Math.round(ageMs / 1000)} s old`;
      const waited = `the sources did not answer in ${waitedMs / 1000} s`;
      return line('warn', `stale: ${waited}, serving ${keys} keys of the cache, ${age}`, { keys, ageMs });
    }
    case 'cache-over':
      return line('info', 'the sources answer: the cache is served no longer');
    case 'quarantined':
      return setAside(event.units);
    case 'quarantine-released':
      return line('info', `no longer set aside: ${shorten(event.units)}`, { count: event.units.length });
    case 'nobody-quarantined':
      return line('error', event.message, { fault: event.fault });
    case 'template-changed':
      return line('debug', 'template changed', { folder: event.folder, files: event.files });
    case 'template-error':
      return line('error', withHint(event.message, event.hint));
    case 'template-mended':
      return line('info', 'template mended');
    case 'pass':
      return pass(event);
    case 'check-refused':
      return line(
        'error',
        ['haproxy refuses the configuration:', event.output.trim(), ...event.excerpt].join('\n'),
        {
          hash: event.hash,
        },
      );
    case 'check-broken':
      return line('error', `the check could not be done${again(event.retryInMs)}: ${event.message}`);
    case 'check-warned':
      return line('warn', `haproxy warns of the configuration:\n${event.warnings.trim()}`);
    case 'preflight-failed':
      return line('error', `not published${again(event.retryInMs)}: ${event.message}`);
    case 'ahead':
      return line('debug', 'HAProxy is ahead of the file', { hash: event.hash });
    case 'ahead-too-long':
      return line('error', `the file is ${Math.round(event.ms / 100) / 10} s behind what HAProxy runs`);
    case 'ahead-over':
      return line('debug', `the file was behind for ${event.ms} ms`);
    case 'recorded':
      return line('debug', 'the file holds what HAProxy was made to run', { steps: event.steps });
    case 'servers-drifted':
      return line(
        'warn',
        `HAProxy's servers are not those of its configuration, which is loaded anew: ${event.differences.join('; ')}${more(event.count - event.differences.length)}`,
      );
    case 'server-gone':
      return line('debug', `server ${event.backend}/${event.server} had its last session and is deleted`, {
        ms: event.ms,
      });
    case 'published':
      return line('debug', `published ${event.path}`, { hash: event.hash, bytes: event.bytes });
    case 'publish-failed':
      return line('error', `publishing failed: ${event.message}${again(event.retryInMs)}`);
    case 'rolled-back':
      return line('warn', `put the last good configuration back to ${event.path}`, { hash: event.hash });
    case 'hand-edit':
      return line(
        'warn',
        `${event.path} was changed by somebody else and is put right${event.kept ? ` (kept as ${event.kept})` : ''}:\n${event.diff}`,
      );
    case 'judged-by':
      if (event.trouble !== null) {
        return line('warn', event.trouble);
      }
      return line('debug', `HAProxy ${event.version ?? 'of an unknown version'} judges configurations`);
    case 'haproxy-away':
      return line('warn', `HAProxy does not answer: ${event.cause}`);
    case 'haproxy-appeared':
      return appeared(event.state);
    case 'haproxy-changed':
      return line('debug', 'HAProxy changed', fieldsOf(event.state));
    case 'haproxy-drift':
      return line('warn', 'HAProxy runs another text than the verified one: putting it right', {
        expected: event.expected,
        found: event.found,
      });
    case 'haproxy-started':
      return line('info', `started HAProxy (pid ${event.pid})`, { pid: event.pid });
    case 'haproxy-adopted':
      return line('info', `adopted the HAProxy that runs already (pid ${event.pid})`, { pid: event.pid });
    case 'haproxy-exited':
      return line('error', `${event.cause}${again(event.restartInMs)}`);
    case 'haproxy-log':
      return line(levelOfHaproxyLine(event.line), `haproxy: ${event.line}`);
    case 'reload-delayed':
      return line('warn', `the reload waits: ${event.cause}`);
    case 'reload-failed':
      return line('error', `the reload failed${again(event.retryInMs)}: ${event.message.trim()}`, {
        failures: event.failures,
      });
    default:
      return unknownEvent(event);
  }
}

/** Without a socket nobody can answer: then a process was seen, or nothing at all. */
function appeared(found: PresentHaproxy): LogLine {
  const fields = fieldsOf(found);
  if (found.kind === 'running') {
    return line('info', `HAProxy answers${identity(found)}`, fields);
  }
  if (found.pid === undefined) {
    return line('debug', 'HAProxy is not asked: there is no socket of it to ask on', fields);
  }
  return line('info', `HAProxy runs${identity(found)}; there is no socket to ask it on`, fields);
}

function identity(found: PresentHaproxy): string {
  const parts = [
    (found.kind === 'running' ? found.version : null) ?? '',
    found.pid === undefined ? '' : `pid ${found.pid}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** The names that `/api/status` has. */
function fieldsOf({ kind: state, ...facts }: PresentHaproxy): Readonly<Record<string, unknown>> {
  return { state, ...facts };
}

function line(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): LogLine {
  return { level, message, fields };
}

function pass(event: PassEvent): LogLine {
  const { outcome, triggers, reasons, steps, counts, hashes, pending, applied } = event;
  const ms = Math.round(event.ms);
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  const cause = triggers.length > 0 ? `${shorten(triggers)} -> ` : '';
  const message = `${cause}${outcome} in ${ms} ms${why}${event.error === null ? '' : `: ${event.error}`}`;
  return line(LOUDNESS[outcome], message, {
    outcome,
    triggers,
    reasons,
    ms,
    steps,
    counts,
    hashes,
    applied,
    pending,
  });
}

const LOUDNESS: Readonly<Record<PassEvent['outcome'], LogLevel>> = {
  unchanged: 'info',
  reloaded: 'info',
  runtime: 'info',
  unverified: 'info',
  published: 'info',
  'published-waiting': 'warn',
  waiting: 'info',
  refused: 'error',
  failed: 'error',
  'template-error': 'error',
  paused: 'warn',
};

function remarked(remarks: readonly KeyRemark[]): LogLine {
  const shown = remarks.slice(0, SHOWN).map(({ message }) => message);
  const level = remarks.some(({ kind }) => kind === 'misspelt') ? 'warn' : 'info';
  return line(level, `${shown.join('\n')}${more(remarks.length - shown.length)}`, { count: remarks.length });
}

function rejected(keys: readonly RejectedKey[]): LogLine {
  const shown = keys.slice(0, SHOWN);
  const each = shown.map(({ key, reason, other }) => `${key}: ${reason}${other ? `: ${other}` : ''}`);
  const message = `rejected ${each.join('; ')}${more(keys.length - shown.length)}`;
  return line('warn', message, { count: keys.length, rejected: shown });
}

function setAside(units: readonly QuarantinedUnit[]): LogLine {
  const shown = units.slice(0, SHOWN);
  const each = shown.map(({ unit, instead, reason }) => {
    const form = instead === 'nothing' ? 'left out' : 'its last good form stays';
    return `${unit} (${form}): ${reason}`;
  });
  const message = `set aside: ${each.join('\n')}${more(units.length - shown.length)}`;
  return line('error', message, { count: units.length, units: shown });
}

const WHY: Readonly<Record<GuardRule, string>> = {
  emptied: 'their service would have no instance left',
  service: 'their service loses too large a share',
  total: 'all services together lose too large a share',
  routes: 'too large a share of the routes goes',
  keys: 'too large a share of the free keys goes',
  store: 'the store went back in revision or is empty',
  everything: 'no instance at all is left',
};

/** What is held, by rule, with what ends it. */
function held(keys: readonly HeldKey[]): LogLine {
  const rules = [...new Set(keys.map(({ rule }) => rule))];
  const each = rules.map((rule) => {
    const of = keys.filter((one) => one.rule === rule);
    const ends = of.some(({ until }) => until === null)
      ? 'until they are back'
      : 'until they are back or guard.hold is over';
    return `${of.length} disappeared keys are held, ${WHY[rule]}, ${ends}: ${shorten(of.map(({ key }) => key))}`;
  });
  const message = `${each.join('; ')} (pointsman release believes the disappearance now)`;
  return line('warn', message, { count: keys.length, rules, held: keys.slice(0, SHOWN) });
}

function letGo(keys: Extract<PointsmanEvent, { kind: 'keys-let-go' }>['keys']): LogLine {
  const reasons = [...new Set(keys.map(({ why }) => why))];
  const each = reasons.map((why) => {
    const of = keys.filter((one) => one.why === why);
    return `${of.length} ${why}: ${shorten(of.map(({ key }) => key))}`;
  });
  return line('info', `no longer held, ${each.join('; ')}`, { count: keys.length, reasons });
}

function shorten(parts: readonly string[]): string {
  return `${parts.slice(0, SHOWN).join(', ')}${more(parts.length - SHOWN)}`;
}

function more(count: number): string {
  return count > 0 ? ` … and ${count} more` : '';
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

function again(ms: number | null): string {
  return ms === null ? '' : ` (again in ${ms} ms)`;
}

function unknownEvent(event: never): never {
  throw new TypeError(`no line for the event ${JSON.stringify(event)}`);
}
