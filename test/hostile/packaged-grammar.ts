import { readFileSync } from 'node:fs';

/**
 * The strict grammar of what the packaged template may give: which sections, which keywords in each, and each line to
 * its last token. Data from keys and values has a place only where a class of characters stands below, none of
 * which knows a space, a quote, a backslash, `#`, `$`, `{` or `}`.
 */
const NAME = '[A-Za-z0-9_.-]{1,64}';
const ID = '[A-Za-z0-9_.:-]{1,128}';
const HOST = '[a-z0-9_.-]{1,330}';
const PATH = '/[A-Za-z0-9._~:@%+=!&*/-]{0,255}';
const CHECK_PATH = '/[A-Za-z0-9._~:@%+=!&*/?-]{0,254}';
const TIME = '\\d{1,9}(?:us|ms|s|m|h|d)';
const NUMBER = '\\d{1,10}';
const ADDRESS = '(?:[a-z0-9_.-]{1,253}|\\[[0-9a-f:]{2,39}\\]):\\d{1,5}';
const STATUS = '[1-5]\\d\\d(?:-[1-5]\\d\\d)?(?:,[1-5]\\d\\d(?:-[1-5]\\d\\d)?)*';
const BALANCE = '(?:roundrobin|static-rr|leastconn|first|random|source|uri)';
const OF_HOST = `\\{ var\\(txn\\.host\\) -m str -- ${HOST}(?: ${HOST}){0,19} \\}`;
const BELOW_HOST = `\\{ var\\(txn\\.host\\) -m (?:end -- ${HOST}(?: ${HOST}){0,19}|beg -- ${HOST}) \\}`;
const OF_PATH = `\\{ var\\(txn\\.path\\) -m beg -- ${PATH}(?: ${PATH}){0,19} \\}`;
const RESEND = 'http-request disable-l7-retry unless { method GET HEAD OPTIONS }';
const CHECKS = 'fastinter 500ms downinter 5s fall 3 rise 3 observe layer4 error-limit 5 on-error mark-down';

interface Section {
  readonly header: string;
  readonly lines: readonly string[];
}

const SECTIONS: readonly Section[] = [
  {
    header: 'global',
    lines: [
      literal('log stderr format raw local0 info'),
      'stats socket /[A-Za-z0-9/_.-]+ mode 660 level admin',
      literal('fd-hard-limit 200000'),
      literal('hard-stop-after 15m'),
      literal('mworker-max-reloads 12'),
      literal('httpclient.ssl.verify none'),
    ],
  },
  {
    header: 'defaults (?:http|tcp)',
    lines: [
      'mode (?:http|tcp)',
      literal('log global'),
      'option (?:httplog|tcplog|dontlog-normal|dontlognull|forwardfor|idle-close-on-response)',
      literal('option redispatch 1'),
      literal('retries 3'),
      literal('retry-on conn-failure empty-response'),
      `timeout (?:client|http-request|http-keep-alive|connect|check|queue|server|tunnel) ${TIME}`,
      `balance ${BALANCE}`,
      `default-server inter 2s ${CHECKS}`,
    ],
  },
  {
    header: 'resolvers dns',
    lines: [
      `nameserver ns\\d+ ${ADDRESS}`,
      literal('parse-resolv-conf'),
      literal('accepted_payload_size 8192'),
      literal('resolve_retries 3'),
      'timeout (?:resolve|retry) 1s',
      `hold (?:valid|nx|obsolete|timeout|refused|other) ${TIME}`,
    ],
  },
  {
    header: 'frontend public from http',
    lines: [
      'bind [0-9.]*:\\d+',
      literal('monitor-uri /haproxy-health'),
      literal('acl some_server always_false'),
      `acl some_server nbsrv\\(be_${NAME}\\) gt 0`,
      literal('monitor fail unless some_server'),
      literal('monitor fail if { stopping }'),
      literal('http-request set-var(txn.host) req.fhdr(host),host_only,lower,rtrim(.)'),
      literal('http-request set-var(txn.label) var(txn.host),field(1,.)'),
      literal('http-request set-var(txn.path) path,concat(/)'),
      literal(RESEND),
      `acl host_of_name var\\(txn\\.host\\) -m str -- ${HOST}(?: ${HOST}){0,49}`,
      `acl label_of_name var\\(txn\\.label\\) -m str -- ${NAME}(?: ${NAME}){0,49}`,
      literal('use_backend be_%[var(txn.label)] if host_of_name'),
      literal('acl is_name req.fhdr(host) -m reg -i -- ^[a-z0-9_-][a-z0-9_.-]*(:[0-9]+)?$'),
      literal('use_backend be_%[var(txn.label)] if label_of_name { var(txn.host) -m sub . } is_name'),
      `use_backend be_${NAME} if \\{ var\\(txn\\.host\\) -m str -- ${HOST}(?: ${HOST}){0,49} \\}`,
      `use_backend be_${NAME} if (?:TRUE|${OF_PATH}|${OF_HOST} ${OF_PATH}|${OF_HOST})`,
      `use_backend be_${NAME} if ${BELOW_HOST} (?:${OF_PATH} )?is_name`,
      `default_backend (?:not_found|be_${NAME})`,
    ],
  },
  {
    header: 'backend not_found from http',
    lines: [
      literal(
        'http-request return status 404 content-type text/plain string "No service answers to this host and path.\\n"',
      ),
    ],
  },
  {
    header: `frontend fe_${NAME} from (?:http|tcp)`,
    lines: [
      'bind \\*:\\d{1,5}(?: accept-proxy)?',
      `timeout (?:client|http-request|http-keep-alive) ${TIME}`,
      literal(RESEND),
      `default_backend be_${NAME}`,
    ],
  },
  {
    header: `backend be_${NAME} from (?:http|tcp)`,
    lines: [
      `balance ${BALANCE}`,
      literal('hash-type consistent'),
      literal('option httpchk'),
      `http-check send meth GET uri ${CHECK_PATH} ver HTTP/1\\.1 hdr Host ${HOST.replace('a-z', 'A-Za-z')}`,
      `http-check expect status ${STATUS}`,
      `default-server(?: inter ${TIME})?(?: rise ${NUMBER})?(?: fall ${NUMBER})?`,
      `timeout (?:connect|queue|server|tunnel) ${TIME}`,
      `server ${ID} ${ADDRESS} check(?: resolvers dns init-addr last,none)?(?: weight ${NUMBER})?` +
        `(?: maxconn ${NUMBER})?(?: backup)?(?: id ${NUMBER})?`,
    ],
  },
].map(({ header, lines }) => ({ header: `^${header}$`, lines: lines.map((line) => `^  ${line}$`) }));

const GRAMMAR = SECTIONS.map(({ header, lines }) => ({
  header: new RegExp(header),
  lines: lines.map((line) => new RegExp(line)),
}));

const COMMENTS = new Set(
  readFileSync(new URL('../../templates/haproxy.cfg.njk', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('#')),
);

/** What a text of the packaged template holds. */
export interface Structure {
  /** Every line that the grammar does not give, with its number. */
  readonly foreign: readonly string[];
  /** The headers of the sections, in their order. */
  readonly sections: readonly string[];
  /** Server lines by their backend: name and address. */
  readonly servers: ReadonlyMap<string, readonly string[]>;
}

/** Parses a text of the packaged template, line by line and to the last token. */
export function parsePackaged(text: string): Structure {
  const foreign: string[] = [];
  const sections: string[] = [];
  const servers = new Map<string, string[]>();
  let section: (typeof GRAMMAR)[number] | undefined;
  if (!text.endsWith('\n')) {
    foreign.push('the last line has no end');
  }
  for (const [at, line] of text.split('\n').entries()) {
    // Whatever some reader may take for the end of a line, or of the text.
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line)) {
      foreign.push(`${at + 1}: a control character`);
    }
    if (line === '' || COMMENTS.has(line)) {
      continue;
    }
    const opened = GRAMMAR.find(({ header }) => header.test(line));
    if (opened) {
      section = opened;
      sections.push(line);
      if (line.startsWith('backend be_')) {
        servers.set(backendOf(line), []);
      }
    } else if (!section?.lines.some((known) => known.test(line))) {
      foreign.push(`${at + 1}: ${JSON.stringify(line.slice(0, 300))}`);
    } else if (line.startsWith('  server ')) {
      servers.get(backendOf(sections.at(-1) ?? ''))?.push(line.split(' ').slice(3, 5).join(' '));
    }
  }
  return { foreign, sections, servers };
}

function backendOf(header: string): string {
  return (header.split(' ')[1] ?? '').slice('be_'.length);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
