import { globalLines } from './global-lines.ts';
import { inheritedBy } from './inherited.ts';
import { type FileBases, pathUnder } from './named-files.ts';
import { type Picture, sectionHeader, sectionLines, takePicture } from './picture.ts';
import { mergeServers } from './proxy.ts';
import type { Line } from './section-lines.ts';
import type { Server } from './server-line.ts';

/** A server of a text, with all that decides whether it is found healthy. */
export interface CheckedServer extends Server {
  /** Equal in two texts where the same server would be found in the same health. */
  readonly checkedBy: string;
  /** The certificates and lists that its checks go by, as `namedFiles` gives them: what they hold counts as well. */
  readonly checkFiles: readonly string[];
}

/**
 * The servers of some backends by `backend/server`. Backends that cannot be known from the text alone are left out.
 * `before` are the texts that HAProxy loads before this one.
 */
export function checkedServers(
  text: string,
  backends: ReadonlySet<string>,
  before: readonly string[] = [],
): ReadonlyMap<string, CheckedServer> {
  const picture = takePicture(text);
  const filesBefore = before.map(takePicture);
  const forAll = [...before, text].flatMap((one) => saidOf(globalLines(one).filter(isOfAllChecks)));
  const bases = basesOf([...before, text]);
  const servers = new Map<string, CheckedServer>();
  for (const [index, { kind }] of picture.sections.entries()) {
    if (kind !== 'backend' && kind !== 'listen') {
      continue;
    }
    const header = sectionHeader(picture, index);
    const backend = header.words[1] ?? '';
    if (!backends.has(backend)) {
      continue;
    }
    const lines = sectionLines(picture, index);
    if (lines.unclear.length > 0) {
      continue;
    }
    const inherited = inheritedBy({ picture, index, header }, filesBefore);
    const ofBackend = saidOf([...inherited.lines, ...lines.body].filter(isOfChecks));
    for (const server of mergeServers(lines, inherited)) {
      const named = saidOf(healthcheck([picture, ...filesBefore], server.settings.get('healthcheck')));
      const own = [...server.settings].filter(([keyword]) => !OF_NO_CHECK.has(keyword)).sort();
      const checkedBy = JSON.stringify([forAll, ofBackend, named, own, server.unread?.words]);
      servers.set(`${backend}/${server.name}`, { ...server, checkedBy, checkFiles: filesOf(server, bases) });
    }
  }
  return servers;
}

function basesOf(texts: readonly string[]): FileBases {
  const lines = texts.flatMap((text) => [...globalLines(text)]);
  const last = (keyword: string) => lines.findLast(({ words }) => words[0] === keyword)?.words[1] ?? '';
  return { crt: last('crt-base'), ca: last('ca-base') };
}

function filesOf({ settings }: Server, bases: FileBases): readonly string[] {
  return ['ca-file', 'crl-file', 'crt'].flatMap((keyword) => {
    const file = settings.get(keyword);
    return file === undefined ? [] : [pathUnder(keyword, file, bases)];
  });
}

/** Keywords of a server that say how much traffic it gets, or how often it is looked at: whatever else there is decides its health. */
const OF_NO_CHECK = new Set(
  (
    'weight maxconn minconn maxqueue slowstart strict-maxconn backup disabled cookie id guid hash-key redir stick non-stick ' +
    'pool-low-conn pool-max-conn pool-purge-delay pool-conn-name max-reuse idle-ping ws log-proto log-bufsize shard ' +
    'inter fastinter downinter rise fall agent-inter on-marked-down on-marked-up init-state'
  ).split(' '),
);

/** `option httpchk`, `smtpchk`, `ssl-hello-chk`, `mysql-check`, `external-check` … */
const CHECK_OPTION = /chk$|-check$/;

/** Lines of a backend, or of its defaults. Who connects from where, how and within which time is of the checks as well. */
function isOfChecks({ words }: Line): boolean {
  const [first = '', second = ''] = words[0] === 'no' ? words.slice(1) : words;
  switch (first) {
    case 'http-check':
    case 'tcp-check':
    case 'external-check':
    case 'mode':
    case 'source':
      return true;
    case 'option':
      return CHECK_OPTION.test(second);
    case 'timeout':
      return second === 'check' || second === 'connect';
    default:
      return false;
  }
}

/** Lines of `global` that hold for the checks of all servers. */
function isOfAllChecks({ words: [first = ''] }: Line): boolean {
  return /^(?:ssl-default-server-|ssl-server-verify$|ca-base$|crt-base$|external-check$)/.test(first);
}

/** The section that the keyword `healthcheck` of a server names (3.4). */
function healthcheck(pictures: readonly Picture[], name: string | undefined): readonly Line[] {
  if (name === undefined) {
    return [];
  }
  return pictures.flatMap((picture) =>
    picture.sections.flatMap(({ kind }, index) =>
      kind === 'healthcheck' && sectionHeader(picture, index).words[1] === name
        ? sectionLines(picture, index).body
        : [],
    ),
  );
}

function saidOf(lines: readonly Line[]): readonly string[] {
  return lines.map(({ words }) => JSON.stringify(words));
}
