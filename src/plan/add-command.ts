import type { BackendFacts, Judged } from './backend-facts.ts';
import type { RuntimeAbilities } from './runtime-version.ts';
import { serverKeyword } from './server-keywords.ts';
import { literalAddress, type Server, type Settings } from './server-line.ts';

/** HAProxy's buffers hold 16 KiB; half of that always fits. */
const MAX_LENGTH = 7000;
/** What can stand in a command as it is: no space, quote, backslash or `;`, which would end it. */
const PLAIN = /^[A-Za-z0-9_.:,/@%+=()[\]*-]+$/;
const PROXY_PROTOCOL = ['send-proxy', 'send-proxy-v2'];

/** The command that makes a new server, as HAProxy would have made it from the file. */
export function addCommand(server: Server, facts: BackendFacts): Judged {
  const { name, address, line, settings, unread } = server;
  const problems: string[] = unread ? [unread.why] : [];
  if (!literalAddress(address)) {
    problems.push(`its address ${address || '""'} is no literal IP:port`);
  }
  const said = [...settings].filter(([keyword]) => !serverKeyword(keyword)?.aboutNames);
  for (const [keyword, value] of said) {
    const since = serverKeyword(keyword)?.since ?? 'never';
    if (since === 'never' || since > facts.abilities.branch) {
      problems.push(`it cannot be given ${keyword} at run time`);
    }
    if (value !== '' && !PLAIN.test(value)) {
      problems.push(`the value of ${keyword} cannot be written in a command`);
    }
  }
  const complete = completed(new Map(said), facts.abilities);
  const keywords = [...complete].flatMap(([keyword, value]) => (value === '' ? [keyword] : [keyword, value]));
  if (keywords.join(' ').length > MAX_LENGTH) {
    problems.push('its keywords are too long for a command');
  }
  const rest = { checked: settings.has('check'), disabled: settings.has('disabled') };
  return {
    commands: [{ kind: 'add', backend: facts.backend, server: name, address, keywords, ...rest }],
    reasons: problems.map((problem) => ({ message: `server ${name} is new: ${problem}`, line, of: 'new' })),
  };
}

/** Adds what a server of the file has by itself and a dynamic one has not. */
function completed(said: Map<string, string>, { completeDefaults }: RuntimeAbilities): Settings {
  const settings = new Map(said);
  // It starts in maintenance anyway, and `enable server` is simply left out.
  settings.delete('disabled');
  inheritChecks(settings);
  if (completeDefaults) {
    return settings;
  }
  const fill = (keyword: string, value: string) => settings.has(keyword) || settings.set(keyword, value);
  fill('pool-purge-delay', '5s');
  fill('pool-max-conn', '-1');
  if (settings.has('observe')) {
    fill('error-limit', '10');
    fill('on-error', 'fail-check');
  }
  const maxconn = settings.get('maxconn');
  if (maxconn !== undefined) {
    fill('minconn', maxconn);
  }
  return settings;
}

/** The checks of a server of the file speak TLS and the PROXY protocol as its traffic does (`init_srv_check`). */
function inheritChecks(settings: Map<string, string>): void {
  if (!settings.has('check') || settings.has('port') || settings.has('addr')) {
    return;
  }
  if (settings.has('ssl')) {
    settings.set('check-ssl', '');
  }
  if (PROXY_PROTOCOL.some((keyword) => settings.has(keyword))) {
    settings.set('check-send-proxy', '');
  }
}
