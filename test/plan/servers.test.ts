import { describe, expect, it } from 'vitest';
import { type GoldenOptions, golden, withBackend } from './golden.ts';

/** What comes of changing the lines of one backend. */
function change(before: string[], after: string[], options?: GoldenOptions): string[] {
  return golden(withBackend(...before), withBackend(...after), options);
}

const ONE = 'server one 10.0.0.1:80 check';
const TWO = 'server two 10.0.0.2:80 check';

describe('plan() of a new server', () => {
  it('adds it with the default-server keywords, enables its checks and then the server', () => {
    expect(change([ONE], [ONE, TWO])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s check',
      'enable health b/two',
      'enable server b/two',
    ]);
  });
  it('does not care where in the backend it stands', () => {
    expect(change([TWO], [ONE, TWO])).toEqual([
      'add server b/one 10.0.0.1:80 inter 2s check',
      'enable health b/one',
      'enable server b/one',
    ]);
  });
  it('keeps it from traffic until its first good check where that is asked for', () => {
    expect(change([ONE], [ONE, TWO], { newServers: 'checked' })).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s check',
      'enable health b/two',
      'enable server b/two',
      'set server b/two health down',
    ]);
  });
  it('lets it take traffic at once where it has no checks', () => {
    expect(change([ONE], [ONE, 'server two 10.0.0.2:80'], { newServers: 'checked' })).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s',
      'enable server b/two',
    ]);
  });
  it('leaves a disabled one in maintenance, with its checks ready', () => {
    expect(change([ONE], [ONE, `${TWO} disabled`])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s check',
      'enable health b/two',
    ]);
  });
  it('takes IPv6 addresses', () => {
    expect(change([ONE], [ONE, 'server two [2001:db8::2]:80'])).toEqual([
      'add server b/two [2001:db8::2]:80 inter 2s',
      'enable server b/two',
    ]);
  });
  it('adds it to a backend that has none yet', () => {
    expect(change([], ['server one 10.0.0.1:80'])).toEqual([
      'add server b/one 10.0.0.1:80 inter 2s',
      'enable server b/one',
    ]);
  });
  it('says before 3.0 what those versions forget', () => {
    expect(change([ONE], [ONE, `${TWO} maxconn 30 observe layer4`], { version: '2.6.12-1+deb12u4' })).toEqual(
      [
        'add server b/two 10.0.0.2:80 inter 2s check maxconn 30 observe layer4 pool-purge-delay 5s pool-max-conn -1 error-limit 10 on-error fail-check minconn 30',
        'enable health b/two',
        'enable server b/two',
      ],
    );
  });
  it('repeats no keyword that the line has already', () => {
    expect(
      change([ONE], [ONE, 'server two 10.0.0.2:80 inter 5s pool-max-conn 10'], { version: '2.6' }),
    ).toEqual([
      'add server b/two 10.0.0.2:80 inter 5s pool-max-conn 10 pool-purge-delay 5s',
      'enable server b/two',
    ]);
  });
  it('merges default-server lines before it, and none behind it', () => {
    const lines = ['default-server weight 5', ONE, 'default-server weight 9 backup'];
    expect(change(lines, [...lines.slice(0, 2), TWO, lines[2] ?? ''])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s weight 5 check',
      'enable health b/two',
      'enable server b/two',
    ]);
  });
  it('leaves out what the line takes back', () => {
    const base = ['default-server check backup disabled weight 7'];
    expect(change(base, [...base, 'server two 10.0.0.2:80 no-check no-backup enabled'])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s weight 7',
      'enable server b/two',
    ]);
  });
  it('gives its checks the TLS and the PROXY protocol of its traffic', () => {
    expect(change([], ['server two 10.0.0.2:80 check ssl verify none send-proxy-v2'])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s check ssl verify none send-proxy-v2 check-ssl check-send-proxy',
      'enable health b/two',
      'enable server b/two',
    ]);
  });
  it('leaves the checks alone where they have a port of their own', () => {
    expect(change([], ['server two 10.0.0.2:80 check port 81 send-proxy'])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s check port 81 send-proxy',
      'enable health b/two',
      'enable server b/two',
    ]);
  });
  it('leaves out how names are looked up, for an address', () => {
    const base = ['default-server resolvers dns init-addr last,none'];
    expect(change(base, [...base, 'server two 10.0.0.2:80'])).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s',
      'enable server b/two',
    ]);
  });
  it.each([
    ['a host name', 'server two web.internal:80', 'its address web.internal:80 is no literal IP:port'],
    ['no port', 'server two 10.0.0.2', 'its address 10.0.0.2 is no literal IP:port'],
    ['a port map', 'server two 10.0.0.2:+80', 'its address 10.0.0.2:+80 is no literal IP:port'],
    ['a socket', 'server two unix@/run/x', 'its address unix@/run/x is no literal IP:port'],
    ['no address', 'server two', 'its address "" is no literal IP:port'],
    [
      'a keyword for no dynamic server',
      'server two 10.0.0.2:80 redir /x',
      'it cannot be given redir at run time',
    ],
    ['an unknown keyword', 'server two 10.0.0.2:80 sparkle', 'the keyword sparkle is not understood'],
    ['a keyword without its value', 'server two 10.0.0.2:80 weight', 'the keyword weight has no value'],
    [
      'a value with a space',
      'server two 10.0.0.2:80 sni "str(a b)"',
      'the value of sni cannot be written in a command',
    ],
    [
      'a value with a semicolon',
      "server two 10.0.0.2:80 cookie 'a;b'",
      'the value of cookie cannot be written in a command',
    ],
    ['another server to track', 'server two 10.0.0.2:80 track b/one', 'it cannot be given track at run time'],
  ])('asks for a reload for one with %s', (_, line, why) => {
    expect(change([ONE], [ONE, line])).toContain(`reload: backend b, line 8: server two is new: ${why}`);
  });
  it.each([
    ['2.6', 'cookie w2', 'cookie'],
    ['2.6', 'proto h2', 'proto'],
    ['2.9', 'guid x', 'guid'],
    ['3.0', 'init-state up', 'init-state'],
  ])('asks %s for a reload for one with %s', (version, keywords, name) => {
    const why = `reload: backend b, line 7: server two is new: it cannot be given ${name} at run time`;
    expect(change([], [`server two 10.0.0.2:80 ${keywords}`], { version })).toEqual([why]);
  });
  it.each([
    ['3.0', 'cookie w2'],
    ['3.0', 'proto h2'],
    ['3.2', 'init-state up'],
    ['4.1', 'strict-maxconn'],
  ])('gives %s one with %s', (version, keywords) => {
    expect(change([], [`server two 10.0.0.2:80 ${keywords}`], { version })).toEqual([
      `add server b/two 10.0.0.2:80 inter 2s ${keywords}`,
      'enable server b/two',
    ]);
  });
});

describe('plan() of a server that stays', () => {
  it('sets its address and port', () => {
    expect(change([ONE], ['server one 10.0.0.9:8080 check'])).toEqual([
      'set server b/one addr 10.0.0.9 port 8080',
    ]);
  });
  it('sets an IPv6 address without brackets', () => {
    expect(change([ONE], ['server one [2001:DB8::0:9]:80 check'])).toEqual([
      'set server b/one addr 2001:db8::9 port 80',
    ]);
  });
  it('does nothing for another way to write the same address', () => {
    expect(change(['server one [::0:1]:80'], ['server one [::1]:80'])).toEqual(['unchanged']);
  });
  it('sets its weight, 0 for one that drains', () => {
    expect(change([`${ONE} weight 10`], [`${ONE} weight 0`])).toEqual(['set server b/one weight 0']);
  });
  it('sets the weight that it gets without one', () => {
    expect(change([`${ONE} weight 10`], [ONE])).toEqual(['set server b/one weight 1']);
    const lines = ['default-server weight 7'];
    expect(change([...lines, `${ONE} weight 10`], [...lines, ONE])).toEqual(['set server b/one weight 7']);
    expect(change([`${ONE} weight 1`], [ONE])).toEqual(['unchanged']);
  });
  it('puts it into maintenance and takes it out', () => {
    expect(change([ONE], [`${ONE} disabled`])).toEqual(['set server b/one state maint']);
    expect(change([`${ONE} disabled`], [ONE])).toEqual(['set server b/one state ready']);
  });
  it('makes several changes of one server, in an order that holds', () => {
    expect(change([`${ONE} disabled`], ['server one 10.0.0.9:80 check weight 3'])).toEqual([
      'set server b/one addr 10.0.0.9 port 80',
      'set server b/one weight 3',
      'set server b/one state ready',
    ]);
  });
  it('does nothing for another order of its keywords', () => {
    expect(change([`${ONE} weight 3`], ['server one 10.0.0.1:80 weight 3 check'])).toEqual(['unchanged']);
  });
  it('does nothing for another order of servers', () => {
    expect(change([ONE, TWO], [TWO, ONE])).toEqual(['unchanged']);
  });
  it.each([
    ['maxconn', `${ONE} maxconn 10`],
    ['cookie', `${ONE} cookie x`],
    ['backup', `${ONE} backup`],
    ['ssl', `${ONE} ssl`],
    ['proto', `${ONE} proto h2`],
    ['id', `${ONE} id 7`],
    ['inter', `${ONE} inter 9s`],
    ['check', 'server one 10.0.0.1:80'],
  ])('asks for a reload for another %s', (keyword, line) => {
    const why = `reload: backend b, line 7: server one: the keyword ${keyword} of it is changed`;
    expect(change([ONE], [line])).toEqual([why]);
    expect(change([line], [ONE])).toEqual([why]);
  });
  it('asks for a reload when it moves behind other default-server lines', () => {
    const lines = ['default-server maxconn 5'];
    expect(change([ONE, ...lines], [...lines, ONE])).toEqual([
      'reload: backend b, line 8: server one: the keyword maxconn of it is changed',
    ]);
  });
  it.each([
    [
      'a name',
      'server one web.internal:80 check',
      'its address is changed, and web.internal:80 is no literal IP:port',
    ],
    ['a port map', 'server one 10.0.0.1 check', 'its address is changed, and 10.0.0.1 is no literal IP:port'],
  ])('asks for a reload for an address that becomes %s, or was one', (_, line, why) => {
    expect(change([ONE], [line])).toEqual([`reload: backend b, line 7: server one: ${why}`]);
    expect(change([line], [ONE])).toEqual([`reload: backend b, line 7: server one: ${why}`]);
  });
  it.each(['port 81', 'addr 10.0.0.3'])(
    'asks for a reload for an address of one that is checked at %s',
    (own) => {
      expect(change([`${ONE} ${own}`], [`server one 10.0.0.9:80 check ${own}`])).toEqual([
        `reload: backend b, line 7: server one: its address is changed, and it has the keyword ${own.split(' ')[0]}`,
      ]);
      expect(change([`${ONE} ${own}`], [`${ONE} ${own} weight 4`])).toEqual(['set server b/one weight 4']);
    },
  );
  it.each(['track b/one', 'agent-check agent-port 9'])('asks for a reload for one with %s', (keywords) => {
    const governed = `server two 10.0.0.2:80 ${keywords}`;
    expect(change([ONE, governed], [ONE, `${governed} weight 3`])).toEqual([
      `reload: backend b, line 8: server two: it is changed, and it has the keyword ${keywords.split(' ')[0]}`,
    ]);
  });
  it('asks for a reload when one that others track is disabled', () => {
    const tracking = 'server two 10.0.0.2:80 track one';
    expect(change([ONE, tracking], [`${ONE} disabled`, tracking])).toEqual([
      'reload: backend b, line 7: server one: it is disabled or enabled, and other lines name it',
    ]);
  });
  it.each(['257', '-1', '1.5', 'x'])('asks for a reload for the weight %s', (weight) => {
    expect(change([ONE], [`${ONE} weight ${weight}`])).toEqual([
      `reload: backend b, line 7: server one: its weight ${weight} is not from 0 to 256`,
    ]);
  });
  it('leaves one with unknown keywords alone as long as it is the same, and then asks for a reload', () => {
    const strange = 'server two 10.0.0.2:80 sparkle 1';
    expect(change([ONE, strange], [ONE, strange, 'server x 10.0.0.3:80'])).toEqual([
      'add server b/x 10.0.0.3:80 inter 2s',
      'enable server b/x',
    ]);
    expect(change([ONE, strange], [ONE, 'server two 10.0.0.2:80 sparkle 2'])).toEqual([
      'reload: backend b, line 8: server two: it is changed, and the keyword sparkle is not understood',
    ]);
  });
});

describe('plan() of a server that goes', () => {
  it('puts it into maintenance and deletes it', () => {
    expect(change([ONE, TWO], [TWO])).toEqual(['set server b/one state maint', 'del server b/one']);
  });
  it('removes the last one', () => {
    expect(change([ONE], [])).toEqual(['set server b/one state maint', 'del server b/one']);
  });
  it('does it after all arrivals and changes', () => {
    const moved = 'server one 10.0.0.9:80 check';
    expect(change([ONE, TWO], [moved, 'server three 10.0.0.3:80'])).toEqual([
      'add server b/three 10.0.0.3:80 inter 2s',
      'enable server b/three',
      'set server b/one addr 10.0.0.9 port 80',
      'set server b/two state maint',
      'del server b/two',
    ]);
  });
  it.each([
    ['use-server', 'use-server one if TRUE'],
    ['a fetch', 'http-request deny if { srv_is_up(one) }'],
    ['a fetch with the backend', 'http-request deny if { srv_conn(b/one) gt 3 }'],
    ['another server that tracks it', 'server three 10.0.0.3:80 track one'],
  ])('asks for a reload where %s names it', (_, line) => {
    expect(change([ONE, TWO, line], [TWO, line])).toEqual([
      'reload: backend b, line 7 of the running text: server one goes, but other lines name it',
    ]);
    expect(change([ONE, TWO, line], [ONE, line])).toEqual([
      'set server b/two state maint',
      'del server b/two',
    ]);
  });
  it('asks for a reload where another section names it', () => {
    const other = 'frontend f\n  use_backend b if { srv_is_up(b/one) }\n';
    const why = 'reload: backend b, line 7 of the running text: server one goes, but other lines name it';
    expect(golden(withBackend(ONE, TWO) + other, withBackend(TWO) + other)).toEqual([why]);
    expect(golden(other + withBackend(ONE, TWO), other + withBackend(TWO))).toEqual([
      why.replace('line 7', 'line 9'),
    ]);
  });
  it('is not held by a longer name, or by a server of the same name elsewhere', () => {
    const other = 'frontend f\n  use_backend b if { srv_is_up(b/one-2) } { srv_is_up(c/one) }\n';
    expect(golden(withBackend(ONE, TWO) + other, withBackend(TWO) + other)).toEqual([
      'set server b/one state maint',
      'del server b/one',
    ]);
  });
});

describe('plan() of servers', () => {
  it('asks for a reload where one stands twice', () => {
    expect(change([ONE], [ONE, ONE])).toEqual(['reload: backend b, line 8: server one stands here twice']);
    expect(change([ONE, ONE], [ONE])).toEqual([
      'reload: backend b, line 8 of the running text: server one stands here twice',
    ]);
  });
  it('asks for a reload where a name would not fit into a command', () => {
    expect(change([], ['server "a;b" 10.0.0.1:80'])).toEqual([
      'reload: backend b, line 7: the name a;b of a server cannot be written in a command',
    ]);
  });
  it('asks for a reload for too many commands', () => {
    const many = Array.from({ length: 1001 }, (_, n) => `server s${n} 10.0.0.1:${n + 1}`);
    expect(change([], many)).toEqual(['reload: 1001 commands in one pass are more than 1000']);
    expect(change([], many.slice(1))).toHaveLength(2000);
    expect(change([ONE], [TWO], { maxCommands: 1 })).toEqual([
      'reload: 2 commands in one pass are more than 1',
    ]);
  });
  it.each([['2.4.22'], ['1.8'], ['x'], [null]])('asks for a reload on HAProxy %s', (version) => {
    expect(change([ONE], [TWO], { version })).toEqual([
      `reload: HAProxy ${version ?? 'of unknown version'} cannot change servers while it runs`,
    ]);
    expect(change([ONE], [ONE, '# a comment'], { version })).toEqual(['unchanged']);
  });
  it('gives every reason at once, in the order of the text', () => {
    expect(
      change(
        ['balance static-rr', ONE, TWO],
        ['balance static-rr', `${ONE} maxconn 3`, `${TWO} weight 300`, 'server new web.internal:80'],
      ),
    ).toEqual([
      'reload: backend b, line 8: server one: the keyword maxconn of it is changed',
      'reload: backend b, line 9: server two: its weight 300 is not from 0 to 256',
      'reload: backend b, line 9: server two: its weight cannot change at run time with balance static-rr',
      'reload: backend b, line 10: servers cannot come or go at run time with balance static-rr',
      'reload: backend b, line 10: server new is new: its address web.internal:80 is no literal IP:port',
    ]);
  });
});

describe('plan() of servers whose names JavaScript has by itself', () => {
  it('adds, changes and removes them as any other', () => {
    const server = (name: string, end = '') => `server ${name} 10.0.0.1:80 check${end}`;
    const names = ['__proto__', 'constructor', 'toString', 'valueOf'];
    for (const name of names) {
      expect(change([ONE], [ONE, server(name)])).toEqual([
        `add server b/${name} 10.0.0.1:80 inter 2s check`,
        `enable health b/${name}`,
        `enable server b/${name}`,
      ]);
    }
    expect(
      change(
        names.map((name) => server(name)),
        names.map((name) => server(name, ' weight 5')),
      ),
    ).toEqual(names.map((name) => `set server b/${name} weight 5`));
    expect(change([ONE, server('__proto__')], [ONE])).toContain('del server b/__proto__');
  });
});
