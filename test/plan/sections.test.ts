import { describe, expect, it } from 'vitest';
import { golden, HEAD, withBackend } from './golden.ts';

const ONE = 'server one 10.0.0.1:80';
const TWO = 'server two 10.0.0.2:80';
const ADDED = ['add server b/two 10.0.0.2:80 inter 2s', 'enable server b/two'];
/** With an id each, and what is sent for the second. */
const ONE_ID = `${ONE} id 11`;
const TWO_ID = `${TWO} id 12`;
const ADDED_ID = ['add server b/two 10.0.0.2:80 inter 2s id 12', 'enable server b/two'];
const BASE = withBackend(ONE);

describe('plan() of texts that HAProxy reads alike', () => {
  it.each([
    ['the same text', BASE],
    ['comments', `# one\n${BASE.replaceAll('\n', ' # two\n')}# three`],
    ['white space', BASE.replaceAll('  ', '\t ').replaceAll('\n', ' \n\n')],
    ['quotes', BASE.replace('one 10.0.0.1:80', '"one" 10.0.0.1\':80\'')],
    ['escapes', BASE.replace('one', '\\x6fne')],
    ['a carriage return', BASE.replaceAll('\n', '\r\n')],
    ['no final line break', BASE.slice(0, -1)],
  ])('has nothing to do for %s', (_, text) => {
    expect(golden(BASE, text)).toEqual(['unchanged']);
    expect(golden(text, BASE)).toEqual(['unchanged']);
  });
  it('sees what only looks like a comment, or like a quote', () => {
    const why = ['reload: backend b, line 8: "http-request deny" is new or changed'];
    expect(golden(withBackend(ONE), withBackend(ONE, 'http-request deny'))).toEqual(why);
    expect(golden(withBackend(ONE, '# http-request deny'), withBackend(ONE, 'http-request deny'))).toEqual(
      why,
    );
    const quoted = withBackend(ONE, 'http-request set-header x "a # b"');
    expect(golden(quoted, quoted.replace('# b', '# c'))).toEqual([
      'reload: backend b, line 8: "http-request set-header" is new or changed',
      'reload: backend b, line 8 of the running text: "http-request set-header" is gone or changed',
    ]);
  });
  it('knows that HAProxy joins no lines: a backslash at the end is a word', () => {
    expect(
      golden(withBackend('http-request deny \\', ONE), withBackend('http-request deny', ONE)),
    ).toHaveLength(2);
    expect(
      golden(`${HEAD}# \\\nbackend b\n  ${ONE}\n`, `${HEAD}# \\\nbackend b\n  ${ONE}\n  ${TWO}\n`),
    ).toEqual(ADDED);
  });
});

describe('plan() of other lines', () => {
  it.each([
    ['global', '  stats socket', '  maxconn 5\n  stats socket', 'global, line 2: "maxconn 5"'],
    ['defaults', '  mode http', '  mode http\n  timeout server 3s', 'defaults, line 5: "timeout server"'],
    [
      'default-server of the defaults',
      '  mode',
      '  default-server weight 3\n  mode',
      'defaults, line 4: "default-server weight"',
    ],
    [
      'a backend',
      'backend b\n',
      'backend b\n  balance leastconn\n',
      'backend b, line 7: "balance leastconn"',
    ],
    [
      'default-server of a backend',
      'backend b\n',
      'backend b\n  default-server rise 3\n',
      'backend b, line 7: "default-server rise"',
    ],
    [
      'server-template',
      'backend b\n',
      'backend b\n  server-template t 3 x:80\n',
      'backend b, line 7: "server-template t"',
    ],
    [
      'use-server',
      'backend b\n',
      'backend b\n  use-server one if TRUE\n',
      'backend b, line 7: "use-server one"',
    ],
  ])('asks for a reload for a new or a lost line in %s', (_, from, to, why) => {
    const other = BASE.replace(from, to);
    expect(golden(BASE, other)).toEqual([`reload: ${why} is new or changed`]);
    const lost = why.replace(/line (\d+)/, 'line $1 of the running text');
    expect(golden(other, BASE)).toEqual([`reload: ${lost} is gone or changed`]);
  });
  it.each([
    'peers p',
    'userlist u',
    'resolvers r',
    'frontend f',
    'listen l',
    'ring r',
    'log-forward l',
    'program p',
    'cache c',
  ])('asks for a reload when the section %s comes, goes, or changes', (title) => {
    const with1 = `${BASE}${title}\n  server one 10.0.0.1:80\n  x y\n`;
    const with2 = with1.replace('x y', 'x z');
    expect(golden(BASE, with1)).toEqual([`reload: ${title}, line 8: the section is new`]);
    expect(golden(with1, BASE)).toEqual([
      `reload: ${title}, line 8 of the running text: the section is gone`,
    ]);
    expect(golden(with1, with2)).toEqual([
      `reload: ${title}, line 10: "x z" is new or changed`,
      `reload: ${title}, line 10 of the running text: "x y" is gone or changed`,
    ]);
  });
  it('asks for a reload for servers that are not of a proxy', () => {
    const peers = (line: string) => `${BASE}peers p\n  server one 10.0.0.1:80\n${line}`;
    expect(golden(peers(''), peers('  server two 10.0.0.2:80\n'))).toEqual([
      'reload: peers p, line 10: "server two" is new or changed',
    ]);
  });
  it('asks for a reload when lines change places, and not when servers do among them', () => {
    const lines = ['http-request deny', 'http-response deny'];
    expect(golden(withBackend(...lines), withBackend(...lines.toReversed()))).toEqual([
      'reload: backend b, line 7: the order of its lines is changed',
    ]);
    expect(golden(withBackend(ONE, ...lines), withBackend(...lines, ONE))).toEqual(['unchanged']);
  });
  it('asks for a reload when a section gets another first line, or another place', () => {
    const named = withBackend(ONE).replace('defaults', 'defaults d');
    expect(golden(named, named.replace('backend b', 'backend b from d'))).toEqual([
      'reload: backend b, line 6: "backend b" is new or changed',
      'reload: backend b, line 6 of the running text: "backend b" is gone or changed',
    ]);
    const [b, c] = ['backend b\n', 'backend c\n'];
    expect(golden(HEAD + b + c, HEAD + c + b)).toEqual([
      'reload: backend c, line 6: the order of the sections is changed',
    ]);
  });
  it('tells the reasons of all sections, and those of servers, together', () => {
    const before = `${HEAD}backend a\n  ${ONE}\nbackend b\n  ${ONE}\nbackend c\n`;
    const after = `${HEAD.replace('2s', '3s')}backend a\n  server one web:80\nbackend d\nbackend b\n  ${ONE}\n`;
    expect(golden(before, after)).toEqual([
      'reload: backend d, line 8: the section is new',
      'reload: backend c, line 10 of the running text: the section is gone',
      'reload: defaults, line 5: "default-server inter" is new or changed',
      'reload: defaults, line 5 of the running text: "default-server inter" is gone or changed',
      'reload: backend a, line 7: server one: its address is changed, and web:80 is no literal IP:port',
    ]);
  });
  it('changes several backends at once, also listen sections', () => {
    const text = (lines: string) =>
      `${HEAD}backend a\n  ${lines}\nlisten b\n  bind :80\n  ${lines}\nbackend c\n`;
    expect(golden(text(ONE), text('server one 10.0.0.9:80'))).toEqual([
      'set server a/one addr 10.0.0.9 port 80',
      'set server b/one addr 10.0.0.9 port 80',
    ]);
  });
  it('knows a section by any spelling of its word', () => {
    const text = `${HEAD}\t back"end" 'b' # x\n`;
    expect(golden(`${text}  ${ONE}\n`, `${text}  ${ONE}\n  ${TWO}\n`)).toEqual(ADDED);
  });
});

describe('plan() of what cannot be seen in the text', () => {
  const why = 'reload: backend b, line 8';
  it.each([
    ['an environment variable', 'timeout server "$T"', `${why}: it depends on an environment variable`],
    ['a condition', '.if defined(X)\n  .endif', `${why}: it depends on .if`],
    ['a scope', '[x]', `${why}: a scope begins here`],
    ['an open quote', 'x "y', `${why}: a quote that is not closed`],
    ['half an escape', 'x \\x4', `${why}: an escape \\x without two hex digits`],
  ])('asks for a reload for a server beside %s', (_, line, reason) => {
    expect(golden(withBackend(ONE, line), withBackend(ONE, line, TWO))).toContain(reason);
    expect(golden(withBackend(ONE, line), `${withBackend(ONE, line)}# no more than a comment\n`)).toEqual([
      'unchanged',
    ]);
  });
  it('asks for a reload for a server with an environment variable', () => {
    expect(golden(BASE, withBackend(ONE, 'server two "$TWO":80'))).toContain(
      'reload: backend b, line 8: it depends on an environment variable',
    );
  });
  it('asks for a reload inside of an .if that began before the section, and not behind its .endif', () => {
    const text = (...lines: string[]) =>
      `${HEAD}frontend x\n.if defined(X)\nbackend a\n.endif\nbackend b\n  ${lines.join('\n  ')}\n`;
    expect(golden(text(ONE), text(ONE, TWO))).toEqual(ADDED);
    const open = (...lines: string[]) =>
      `${HEAD}.if defined(X)\n${withBackend(...lines).slice(HEAD.length)}.endif\n`;
    expect(golden(open(ONE), open(ONE, TWO))).toEqual([
      'reload: backend b: its defaults are not clear: it depends on .if',
      'reload: backend b, line 7: it stands inside of an .if',
      'reload: backend b, line 10: it depends on .endif',
    ]);
  });
  it('asks for a reload for a variable in the defaults', () => {
    const text = (...lines: string[]) => withBackend(...lines).replace('mode http', 'mode "$MODE"');
    expect(golden(text(ONE), text(ONE, TWO))).toContain(
      'reload: backend b: its defaults are not clear: it depends on an environment variable',
    );
  });
  it('does not take a dollar for a variable outside of double quotes', () => {
    const line = "http-request set-path '$x' if { path -m reg a$ }";
    expect(golden(withBackend(ONE, line), withBackend(ONE, line, TWO))).toEqual(ADDED);
    expect(golden(withBackend("x '$A'"), withBackend('x "$A"'))).toHaveLength(2);
  });
});

describe('plan() of defaults', () => {
  /** A text with these defaults and a backend from them. */
  function text(defaults: string, header: string, ...servers: string[]): string {
    return `${defaults}${header}\n${servers.map((line) => `  ${line}\n`).join('')}`;
  }
  it.each([
    [
      'the last ones before it',
      'defaults\n  default-server weight 2\ndefaults x\n  default-server weight 3\n',
      'backend b',
      '3',
    ],
    [
      'those that it names',
      'defaults x\n  default-server weight 2\ndefaults\n  default-server weight 3\n',
      'backend b from x',
      '2',
    ],
    [
      'those that they are made from',
      'defaults x\n  default-server weight 2\ndefaults y from x\n  mode http\n',
      'backend b from y',
      '2',
    ],
    [
      'the nearest of several',
      'defaults x\n  default-server weight 2\ndefaults y from x\n  default-server weight 3\n',
      'backend b',
      '3',
    ],
  ])('merges default-server of %s', (_, defaults, header, weight) => {
    expect(golden(text(defaults, header, ONE), text(defaults, header, ONE, TWO))).toEqual([
      `add server b/two 10.0.0.2:80 weight ${weight}`,
      'enable server b/two',
    ]);
  });
  it('takes the balance of them', () => {
    const defaults = 'defaults x\n  balance static-rr\ndefaults\n';
    const change = (header: string) => golden(text(defaults, header, ONE), text(defaults, header, ONE, TWO));
    expect(change('backend b')).toEqual(['add server b/two 10.0.0.2:80', 'enable server b/two']);
    expect(change('backend b from x')).toEqual([
      'reload: backend b, line 6: servers cannot come or go at run time with balance static-rr',
    ]);
    expect(change('backend b from x\n  balance leastconn')).toHaveLength(2);
  });
  it('asks for a reload where they are not there', () => {
    expect(golden(text('', 'backend b from x', ONE), text('', 'backend b from x', ONE, TWO))).toEqual([
      'reload: backend b: there are no defaults x',
    ]);
  });
});

describe('plan() by the balance algorithm', () => {
  const change = (before: string[], after: string[], version = '3.0') =>
    golden(withBackend(...before), withBackend(...after), { version });
  it.each(['roundrobin', 'leastconn', 'random', 'random(3)'])(
    'lets servers come, go and move with %s',
    (name) => {
      const balance = `balance ${name}`;
      expect(change([balance, ONE], [balance, TWO, ONE])).toEqual(ADDED);
      expect(change([balance, TWO, ONE], [balance, ONE])).toEqual([
        'set server b/two state maint',
        'del server b/two',
      ]);
      expect(change([balance, TWO, ONE], [balance, ONE, TWO])).toEqual(['unchanged']);
    },
  );
  it.each(['static-rr', 'source', 'uri', 'url_param x', 'hdr(x)', 'rdp-cookie'])(
    'lets only addresses and states change with %s',
    (name) => {
      const balance = `balance ${name}`;
      const shown = name === 'static-rr' ? name : `${name.split(' ')[0]} without hash-type consistent`;
      const no = `servers cannot come or go at run time with balance ${shown}`;
      expect(change([balance, ONE], [balance, ONE, TWO])).toContain(`reload: backend b, line 9: ${no}`);
      expect(change([balance, ONE, TWO], [balance, ONE])).toContain(
        `reload: backend b, line 9 of the running text: ${no}`,
      );
      expect(change([balance, ONE], [balance, `${ONE} weight 3`])).toHaveLength(1);
      expect(change([balance, ONE], [balance, 'server one 10.0.0.9:80 disabled'])).toEqual([
        'set server b/one addr 10.0.0.9 port 80',
        'set server b/one state maint',
      ]);
    },
  );
  it.each([
    ['first', ['balance first']],
    ['a consistent hash', ['balance uri', 'hash-type consistent']],
    ['a stick table', ['stick-table type ip size 1k', 'stick on src']],
  ])('lets servers come, go and move with %s only by ids of their own', (_, lines) => {
    expect(change([...lines, ONE_ID], [...lines, TWO_ID, ONE_ID])).toEqual(ADDED_ID);
    expect(change([...lines, ONE_ID, TWO_ID], [...lines, TWO_ID])).toEqual([
      'set server b/one state maint',
      'del server b/one',
    ]);
    expect(change([...lines, ONE_ID, TWO_ID], [...lines, TWO_ID, ONE_ID])).toEqual(['unchanged']);
    const why =
      /goes by ids: servers can come, go or move at run time only if every one has an id of its own$/;
    for (const [before, after] of [
      [[ONE], [ONE, TWO]],
      [[ONE, TWO], [TWO]],
      [
        [ONE, TWO],
        [TWO, ONE],
      ],
      [[ONE_ID], [ONE_ID, TWO]],
    ] as const) {
      expect(change([...lines, ...before], [...lines, ...after])).toEqual([expect.stringMatching(why)]);
    }
    expect(change([...lines, ONE], [...lines, `${ONE} disabled weight 3`])).toHaveLength(2);
  });
  it('lets a consistent hash go by addresses instead', () => {
    const lines = ['balance uri', 'hash-type consistent', 'default-server hash-key addr-port'];
    expect(change([...lines, ONE], [...lines, TWO, ONE])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s hash-key addr-port',
      'enable server b/two',
    ]);
    expect(change([...lines, ONE], [...lines, 'server one 10.0.0.9:80'])).toEqual([
      'reload: backend b, line 10: server one: its address is changed, and it has the keyword hash-key',
    ]);
  });
  it('asks for a reload when an arrival takes the id of one that goes', () => {
    expect(change([ONE_ID], [`${TWO} id 11`])).toEqual([
      'reload: backend b, line 7: server two takes the id 11 of a server that goes',
    ]);
  });
  it.each([
    ['a balance that is not known', 'balance lottery', 'balance lottery'],
    ['mode log', 'mode log', 'mode log'],
    ['dispatch', 'dispatch 10.0.0.1:80', 'dispatch'],
    ['a disabled backend', 'disabled', 'disabled'],
    ['cookies made of addresses', 'dynamic-cookie-key k', 'dynamic-cookie-key'],
    ['option transparent', 'option transparent', 'option transparent'],
    ['checks by a program', 'option external-check', 'option external-check'],
  ])('asks for a reload for an arrival with %s', (_, line, what) => {
    expect(change([line, ONE], [line, ONE, TWO])).toEqual([
      `reload: backend b, line 9: servers cannot come or go at run time with ${what}`,
    ]);
  });
  it('asks for a reload for an address that a cookie is made of', () => {
    const line = 'dynamic-cookie-key k';
    expect(change([line, ONE], [line, 'server one 10.0.0.9:80'])).toEqual([
      'reload: backend b, line 8: server one: its address cannot change at run time with dynamic-cookie-key',
    ]);
  });
});
