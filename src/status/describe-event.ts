import type { Came, EventOf, PassEvent, PointsmanEvent } from '../events.ts';
import type { GuardRule } from '../events-guard.ts';
import { type PresentHaproxy, type ServerSetByHand, wordsOfHand } from '../events-haproxy.ts';
import { type LogLevel, type LogLine, levelOfHaproxyLine } from './log-line.ts';

const SHOWN = 20;

/** An event as a line of the log: one sentence for people, the figures as fields. */
export function describeEvent(event: PointsmanEvent): LogLine {
  const describe = LINES[event.kind] as (event: PointsmanEvent) => LogLine;
  return describe(event);
}

const LINES: { readonly [K in PointsmanEvent['kind']]: (event: EventOf<K>) => LogLine } = {
  starting: ({ kind: _, ...fields }) => {
    const { version, sources, target, mode } = fields;
    return line('info', `pointsman ${version} starts: ${sources.join(', ')} -> ${target} (${mode})`, fields);
  },
  started: () => line('info', 'started'),
  stopping: ({ cause }) => line('info', `stopping: ${cause}`),
  stopped: () => line('info', 'stopped'),
  crashed: ({ message, stack, haproxy }) => {
    const goesOn = haproxy === null ? '' : `. HAProxy (pid ${haproxy}) goes on, and the next start adopts it`;
    const fields = { ...(stack === null ? {} : { stack }), haproxy };
    return line('error', `pointsman ends over an error: ${message}${goesOn}`, fields);
  },
  notice: ({ message, hint }) => line('warn', withHint(message, hint)),
  'part-failed': ({ where, message, stack, report, retryInMs }) => {
    const kept = report === null ? '' : `; its input is kept in ${report}, please report it`;
    const said = `${where} failed, which is a bug: ${message}${again(retryInMs)}${kept}`;
    return line('error', said, { where, stack });
  },
  paused: (event) => {
    const until = new Date(event.until).toISOString();
    const said = `PAUSED until ${until} by ${event.by}: neither the file nor HAProxy is touched`;
    return line('warn', said, { until, by: event.by });
  },
  resumed: ({ cause, by }) => line('warn', `no longer paused: ${cause}`, { by }),
  rollback: ({ kind: _, ...fields }) => {
    const { number, mode, until, by, emptied, absent, leftOut } = fields;
    const how = mode === 'exact' ? 'as it was' : "with today's servers";
    const end = until === null ? 'until pointsman resume' : `until ${new Date(until).toISOString()}`;
    const parts = [
      ...(emptied.length > 0 ? [`without servers: ${shorten(emptied)}`] : []),
      ...(absent.length > 0 ? [`not in it: ${shorten(absent)}`] : []),
      ...(leftOut.length > 0 ? [`left out: ${shorten(leftOut)}`] : []),
    ];
    const said = `ROLLED BACK to ${number} by ${by}, ${end}: its text is served ${how}, and routes, templates and settings wait`;
    return line('warn', [said, ...parts].join('; '), fields);
  },
  'rollback-over': ({ number, cause }) =>
    line('warn', `no longer rolled back to ${number}: ${cause}`, { number, cause }),
  'settings-read': ({ cause, applied, restart }) => {
    const parts = [
      ...(applied.length > 0 ? [`from now on ${shorten(applied)}`] : []),
      ...(restart.length > 0 ? [`needs a restart: ${shorten(restart)}`] : []),
    ];
    const said = parts.length > 0 ? parts.join('; ') : 'nothing is to be changed';
    const level = restart.length > 0 ? 'warn' : 'info';
    return line(level, `settings read again (${cause}): ${said}`, { cause, applied, restart });
  },
  'settings-refused': ({ message, hint }) =>
    line('error', withHint(`the settings stay as they were: ${message}`, hint)),
  'settings-mended': () => line('info', 'the settings fit again'),
  'source-state': ({ name, source, state, error, refused = [] }) => {
    const why = error === null ? '' : `: ${error}`;
    const part = refused.length === 0 ? '' : `, the keys of ${refused.join(', ')} are those of before`;
    return line(state === 'stale' ? 'warn' : 'info', `${name} is ${state}${part}${why}`, { source, state });
  },
  'source-data': ({ name, what, source, changed, keys, revision }) =>
    line('debug', `${name}: ${what}`, { source, changed, keys, revision }),
  'keys-rejected': rejected,
  'keys-kept': kept,
  'kept-too-long': ({ keys }) =>
    line('error', `kept for longer than kept.max, and still refused: ${shorten(keys)}`, {
      count: keys.length,
      keys: keys.slice(0, SHOWN),
    }),
  'kept-over': ({ keys }) =>
    line('info', `not kept any more: ${shorten(keys)}`, { count: keys.length, keys: keys.slice(0, SHOWN) }),
  'keys-remarked': remarked,
  'addresses-taken': ({ claims }) => {
    const each = claims
      .slice(0, SHOWN)
      .map(
        ({ service, by, taken, of }) =>
          `${taken} of ${of} addresses of ${service} are registered by ${by} now`,
      );
    return line('warn', `${each.join('; ')}${more(claims.length - each.length)}`, {
      count: claims.length,
      claims: claims.slice(0, SHOWN),
    });
  },
  'mass-claims': ({ count }) =>
    line('debug', `${count} services lost more than guard.share of their addresses`),
  remarks: ({ count }) => line('debug', `${count} remarks on keys`),
  'rejections-gone': ({ keys }) =>
    line('info', `no longer rejected: ${shorten(keys)}`, { count: keys.length }),
  'keys-held': held,
  'keys-let-go': letGo,
  'cache-served': ({ keys, ageMs, waitedMs }) => {
    const age = `${Math.round(ageMs / 1000)} s old`;
    const waited = `not all sources answered in ${waitedMs / 1000} s`;
    return line('warn', `stale: ${waited}, serving ${keys} keys of the cache, ${age}`, { keys, ageMs });
  },
  'cache-over': () => line('info', 'the sources answer: the cache is served no longer'),
  quarantined: setAside,
  'quarantine-released': ({ units }) =>
    line('info', `no longer set aside: ${shorten(units)}`, { count: units.length }),
  'nobody-quarantined': ({ message, fault }) => line('error', message, { fault }),
  'template-changed': ({ folder, files }) => line('debug', 'template changed', { folder, files }),
  'template-error': ({ message, hint }) => line('error', withHint(message, hint)),
  'template-mended': () => line('info', 'template mended'),
  pass,
  'check-refused': ({ output, excerpt, hash }) => {
    const said = ['haproxy refuses the configuration:', output.trim(), ...excerpt].join('\n');
    return line('error', said, { hash });
  },
  'check-broken': ({ message, retryInMs }) =>
    line('error', `the check could not be done${again(retryInMs)}: ${message}`),
  'check-warned': ({ warnings }) => line('warn', `haproxy warns of the configuration:\n${warnings.trim()}`),
  'preflight-failed': ({ message, retryInMs }) =>
    line('error', `not published${again(retryInMs)}: ${message}`),
  ahead: ({ hash }) => line('debug', 'HAProxy is ahead of the file', { hash }),
  'ahead-too-long': ({ ms }) =>
    line('error', `the file is ${Math.round(ms / 100) / 10} s behind what HAProxy runs`),
  'ahead-over': ({ ms }) => line('debug', `the file was behind for ${ms} ms`),
  recorded: ({ steps }) => line('debug', 'the file holds what HAProxy was made to run', { steps }),
  'servers-drifted': ({ differences, count }) => {
    const said = `${differences.join('; ')}${more(count - differences.length)}`;
    return line(
      'warn',
      `HAProxy's servers are not those of its configuration, which is loaded anew: ${said}`,
    );
  },
  'set-by-hand': ({ server }) =>
    line('info', `${handed(server)}, until somebody sets it back or it registers anew`, { ...server }),
  'set-by-hand-long': ({ server, ms }) =>
    line(
      'warn',
      `${handed(server)}, for ${Math.round(ms / 60_000)} min already; set it back where it was forgotten`,
      {
        ...server,
      },
    ),
  'set-by-hand-over': ({ server, cause }) => {
    const said = `server ${server.backend}/${server.server} is no longer set to ${wordsOfHand(server)} by hand`;
    return line(cause === 'undone' ? 'warn' : 'info', `${said}: ${HAND_OVER[cause]}`, { ...server, cause });
  },
  'servers-changed': ({ changes }) =>
    line(
      'debug',
      `changed servers: ${Object.entries(changes)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ')}`,
      { changes },
    ),
  'server-gone': ({ backend, server, ms }) =>
    line('debug', `server ${backend}/${server} had its last session and is deleted`, { ms }),
  published: ({ path, hash, bytes }) => line('debug', `published ${path}`, { hash, bytes }),
  'publish-failed': ({ message, retryInMs }) =>
    line('error', `publishing failed: ${message}${again(retryInMs)}`),
  'rolled-back': ({ path, hash }) =>
    line('warn', `put the last good configuration back to ${path}`, { hash }),
  'hand-edit': ({ path, kept, diff }) => {
    const where = kept ? ` (kept as ${kept})` : '';
    return line('warn', `${path} was changed by somebody else and is put right${where}:\n${diff}`);
  },
  'ledger-failed': ({ message, hint }) =>
    line('error', withHint(`what happens cannot be written down, and all else goes on: ${message}`, hint)),
  'ledger-mended': ({ dropped }) => {
    const lost = dropped === 0 ? '' : `; ${dropped} passes are not in it`;
    return line('info', `what happens is written down again${lost}`, { dropped });
  },
  'judged-by': ({ version, trouble }) =>
    trouble === null
      ? line('debug', `HAProxy ${version ?? 'of an unknown version'} judges configurations`)
      : line('warn', trouble),
  'haproxy-away': ({ cause, expected }) =>
    expected ? line('info', cause) : line('warn', `HAProxy does not answer: ${cause}`),
  'haproxy-appeared': ({ state }) => appeared(state),
  'haproxy-changed': ({ state }) => line('debug', 'HAProxy changed', fieldsOf(state)),
  'haproxy-drift': ({ expected, found }) =>
    line('warn', 'HAProxy runs another text than the verified one: putting it right', { expected, found }),
  'haproxy-started': ({ pid }) => line('info', `started HAProxy (pid ${pid})`, { pid }),
  'haproxy-adopted': ({ pid }) => line('info', `adopted the HAProxy that runs already (pid ${pid})`, { pid }),
  'haproxy-exited': ({ cause, restartInMs }) => line('error', `${cause}${again(restartInMs)}`),
  'haproxy-log': ({ line: said }) => line(levelOfHaproxyLine(said), `haproxy: ${said}`),
  'reload-delayed': ({ cause }) => line('warn', `the reload waits: ${cause}`),
  'reload-failed': ({ message, retryInMs, failures }) =>
    line('error', `the reload failed${again(retryInMs)}: ${message.trim()}`, { failures }),
};

const HAND_OVER: Readonly<Record<EventOf<'set-by-hand-over'>['cause'], string>> = {
  'set back': 'somebody set it back',
  'registered anew': 'its instance went, or was registered anew',
  undone:
    'HAProxy was started or reloaded by somebody else, its template loads no server-state file, or it was set while the next worker loaded',
};

function handed(server: ServerSetByHand): string {
  return `server ${server.backend}/${server.server} is set to ${wordsOfHand(server)} by hand`;
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
  return { level, message, fields: withTimes(fields) as LogLine['fields'] };
}

/** What fields call a moment in milliseconds since 1970. */
const TIMES = new Set(['since', 'until', 'at']);

/** The same with moments as people and tools read them. */
function withTimes(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withTimes);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      TIMES.has(name) && typeof one === 'number' ? new Date(one).toISOString() : withTimes(one),
    ]),
  );
}

function pass({ kind: _, error, ...event }: PassEvent): LogLine {
  const { outcome, triggers, came, changes, reasons } = event;
  const ms = Math.round(event.ms);
  const cause = triggers.length > 0 ? `${shorten(triggers)}${broughtBy(came)} -> ` : '';
  const follows = changes.length > 0 ? `: ${changes.join('; ')}` : '';
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  const message = `${cause}${outcome} in ${ms} ms${follows}${why}${error === null ? '' : `: ${error}`}`;
  return line(LOUDNESS[outcome], message, { ...event, ms });
}

/** Which keys came, at which revision, and who wrote them. */
function broughtBy({ keys, count, revision, by }: Came): string {
  if (count === 0) {
    return '';
  }
  const at = revision === null ? '' : ` at revision ${revision}`;
  const author = by.length > 0 ? ` by ${by.join(', ')}` : '';
  return ` [${keys.join(', ')}${more(count - keys.length)}${at}${author}]`;
}

const LOUDNESS: Readonly<Record<PassEvent['outcome'], LogLevel>> = {
  unchanged: 'info',
  adopted: 'info',
  started: 'info',
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

function remarked({ remarks }: EventOf<'keys-remarked'>): LogLine {
  const shown = remarks.slice(0, SHOWN).map(({ message }) => message);
  const isWrong = remarks.some(({ kind }) => kind === 'misspelt' || kind === 'dropped field');
  const level = isWrong ? 'warn' : 'info';
  return line(level, `${shown.join('\n')}${more(remarks.length - shown.length)}`, { count: remarks.length });
}

function rejected({ rejected: keys }: EventOf<'keys-rejected'>): LogLine {
  const shown = keys.slice(0, SHOWN);
  const each = shown.map(({ key, reason, other }) => `${key}: ${reason}${other ? `: ${other}` : ''}`);
  const message = `rejected ${each.join('; ')}${more(keys.length - shown.length)}`;
  return line('warn', message, { count: keys.length, rejected: shown });
}

function kept({ kept: keys }: EventOf<'keys-kept'>): LogLine {
  const shown = keys.slice(0, SHOWN);
  const each = shown.map(({ key, reason, form }) => `${key} keeps "${form}": ${reason}`);
  const message = `refused, so the last good form stays: ${each.join('; ')}${more(keys.length - shown.length)}`;
  return line('error', message, { count: keys.length, kept: shown });
}

function setAside({ units }: EventOf<'quarantined'>): LogLine {
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
function held({ held: keys }: EventOf<'keys-held'>): LogLine {
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

function letGo({ keys }: EventOf<'keys-let-go'>): LogLine {
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
