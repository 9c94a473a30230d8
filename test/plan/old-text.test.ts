import { describe, expect, test } from 'vitest';
import { addressKey, OldText, type Owner } from '../../src/plan/old-text.ts';

const HEAD = 'global\n  maxconn 100\n\ndefaults\n  mode http\n  default-server inter 2s\n\n';
const backend = (name: string, ...lines: string[]) =>
  `backend ${name}\n${lines.map((line) => `  ${line}\n`).join('')}\n`;

describe('an older text with the servers of now', () => {
  test('is that text to the byte where its backends have the same servers still', () => {
    const old = `${HEAD}# web\n${backend('web', 'server a 10.0.0.1:80 check # mine', 'balance first')}frontend f\n  bind :80`;
    const now = HEAD.replace('100', '200') + backend('web', 'server a 10.0.0.1:80 check # mine');
    expect(new OldText(old).withServersOf(now)).toEqual({
      ...{ text: old, emptied: [], absent: [], leftOut: [], servers: 1 },
    });
  });

  test('has new addresses, weights and servers in the place of the old ones, and nothing else of the new text', () => {
    const old =
      HEAD +
      backend(
        'web',
        'balance first',
        'server a 10.0.0.1:80 check',
        'server b 10.0.0.2:80 check',
        'retries 3',
      );
    const now = `global\n  maxconn 7\n${backend(
      'web',
      'balance leastconn',
      'server a 10.0.0.9:80 check weight 7',
      'server c 10.0.0.3:80 check backup',
    )}`;
    expect(new OldText(old).withServersOf(now).text).toBe(
      HEAD +
        backend(
          'web',
          'balance first',
          'server a 10.0.0.9:80 check weight 7',
          'server c 10.0.0.3:80 check backup',
          'retries 3',
        ),
    );
  });

  test('has no servers where the service is gone, rather than old addresses, and not what came since; both are named', () => {
    const old =
      HEAD + backend('gone', 'server a 10.0.0.1:80', 'retries 3') + backend('web', 'server w 10.0.0.2:80');
    const now = HEAD + backend('new', 'server a 10.0.0.1:80') + backend('web', 'server w 10.0.0.2:80');
    expect(new OldText(old).withServersOf(now)).toEqual({
      text: HEAD + backend('gone', 'retries 3') + backend('web', 'server w 10.0.0.2:80'),
      ...{ emptied: ['gone'], absent: ['new'], leftOut: [], servers: 1 },
    });
  });

  test('keeps the old keywords of its servers where all had the same and all have the same now', () => {
    const old =
      HEAD + backend('web', 'server a 10.0.0.1:80 check inter 5s', 'server b 10.0.0.2:80 check inter 5s');
    const now =
      HEAD +
      backend(
        'web',
        'server a 10.0.0.1:80 ssl verify none weight 3',
        'server c 10.0.0.3:80 ssl verify none maxconn 5',
      );
    expect(new OldText(old).withServersOf(now).text).toBe(
      HEAD +
        backend(
          'web',
          'server a 10.0.0.1:80 check inter 5s weight 3',
          'server c 10.0.0.3:80 check inter 5s maxconn 5',
        ),
    );
  });

  test.each([
    [
      'differ among them by then',
      ['server a 10.0.0.1:80 check', 'server b 10.0.0.2:80'],
      ['server a 10.0.0.1:80 ssl'],
    ],
    [
      'differ among them now',
      ['server a 10.0.0.1:80 check'],
      ['server a 10.0.0.1:80 ssl', 'server b 10.0.0.2:80'],
    ],
    ['are not known', ['server a 10.0.0.1:80 check later-keyword'], ['server a 10.0.0.1:80 ssl']],
    ['depend on the environment', ['server a 10.0.0.1:80 check sni "$NAME"'], ['server a 10.0.0.1:80 ssl']],
  ])('has the lines of now where the keywords %s', (_, before, now) => {
    const put = new OldText(HEAD + backend('web', ...before)).withServersOf(HEAD + backend('web', ...now));
    expect(put.text).toBe(HEAD + backend('web', ...now));
  });

  test('writes keywords that HAProxy reads as they were, whatever is in them', () => {
    const old = HEAD + backend('web', `server a 10.0.0.1:80 ca-file '/a b/it"s.pem'`);
    const now = HEAD + backend('web', 'server a 10.0.0.9:80');
    expect(new OldText(old).withServersOf(now).text).toContain(
      `  server a 10.0.0.9:80 ca-file '/a b/it"s.pem'\n`,
    );
  });

  test('gets servers at the end of what a backend says that had none', () => {
    const old = `${HEAD}backend web\n  retries 3\n\n# the next one\nlisten l\n  bind :81`;
    const now = `${HEAD}${backend('web', 'server a 10.0.0.1:80')}listen l\n  server b 10.0.0.2:80`;
    expect(new OldText(old).withServersOf(now).text).toBe(
      `${HEAD}backend web\n  retries 3\n  server a 10.0.0.1:80\n\n# the next one\nlisten l\n  bind :81\n  server b 10.0.0.2:80\n`,
    );
  });

  test('has the resolvers of now that its servers ask for, where it had none of that name', () => {
    const old = HEAD + backend('web', 'server a 10.0.0.1:80');
    const resolvers = 'resolvers dns\n  parse-resolv-conf\n  # of others\n\n';
    const named = backend('web', 'server a web.example:80 resolvers dns');
    expect(new OldText(old).withServersOf(HEAD + resolvers + named).text).toBe(
      `${HEAD}${named}\nresolvers dns\n  parse-resolv-conf\n  # of others\n`,
    );
    expect(
      new OldText(old).withServersOf(HEAD + resolvers + backend('web', 'server a 10.0.0.2:80')).text,
    ).toBe(HEAD + backend('web', 'server a 10.0.0.2:80'));
    const own = resolvers.replace('of others', 'of its own');
    expect(new OldText(old + own).withServersOf(HEAD + resolvers + named).text).toBe(HEAD + named + own);
  });

  test('follows what comes later, one text after the other', () => {
    const old = new OldText(
      HEAD + backend('web', 'server a 10.0.0.1:80') + backend('api', 'server x 10.1.0.1:80'),
    );
    for (const port of [80, 81, 80]) {
      const now = backend('web', `server a 10.0.0.1:${port}`) + backend('api', 'server x 10.1.0.1:80');
      expect(old.withServersOf(now).text).toBe(HEAD + now);
    }
  });

  test('leaves servers alone that are of no backend', () => {
    const peers = 'peers p\n  bind :1024\n  server me\n';
    expect(new OldText(HEAD + peers).withServersOf(HEAD).text).toBe(HEAD + peers);
  });

  test('names the backends whose servers stand under conditions', () => {
    const inside = 'backend a\n  .if streq("$A",b)\n  server a 10.0.0.1:80\n  .endif\n';
    const around = '.if streq("$A",b)\nbackend b\n  server a 10.0.0.1:80\n.endif\n';
    const none = 'backend c\n  .if streq("$A",b)\n  retries 3\n  .endif\n';
    expect(new OldText(HEAD + inside + around + none).conditional).toEqual(['a', 'b']);
  });
});

describe('an older text as it was', () => {
  const owners = (all: Readonly<Record<string, readonly Owner[]>>) => (address: string) =>
    Object.entries(all).find(([own]) => addressKey(own) === address)?.[1] ?? [];

  test('is that text to the byte, but for servers whose addresses another service has by now', () => {
    const old =
      HEAD +
      backend('be_web', 'server a 10.0.0.1:80', 'server b 10.0.0.2:80') +
      backend('be_gone', 'server x 10.0.0.3:80');
    const now = HEAD + backend('be_web', 'server a 10.0.0.1:80') + backend('be_shop', 'server s 10.0.0.2:80');
    const put = new OldText(old).without(
      now,
      owners({
        '10.0.0.1:80': [{ service: 'web', id: 'a' }],
        '10.0.0.2:80': [{ service: 'shop', id: 's' }],
      }),
    );
    expect(put).toEqual({
      text: old.replace('  server b 10.0.0.2:80\n', ''),
      emptied: [],
      absent: ['be_shop'],
      leftOut: [{ backend: 'be_web', server: 'b', address: '10.0.0.2:80', by: 'shop' }],
      servers: 2,
    });
  });

  test('keeps an address that several services share, where one of them is its own', () => {
    const old = HEAD + backend('be_web', 'server a 10.0.0.1:80');
    const now = old + backend('be_shop', 'server a 10.0.0.1:80');
    const both = [
      { service: 'shop', id: 'a' },
      { service: 'web', id: 'a' },
    ];
    expect(new OldText(old).without(now, owners({ '10.0.0.1:80': both })).text).toBe(old);
  });

  test('takes a backend of another name for that of its service where the very instance has the address', () => {
    const old = HEAD + backend('old-web', 'server a 10.0.0.1:80', 'server b [2001:DB8::1]:80');
    const now = HEAD + backend('web', 'server a 10.0.0.1:80', 'server c [2001:db8::1]:80');
    const put = new OldText(old).without(
      now,
      owners({
        '10.0.0.1:80': [{ service: 'web', id: 'a' }],
        '[2001:db8::1]:80': [{ service: 'web', id: 'c' }],
      }),
    );
    expect(put.leftOut.map(({ server }) => server)).toEqual(['b']);
  });
});
