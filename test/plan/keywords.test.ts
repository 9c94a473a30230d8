import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runtimeAbilities } from '../../src/plan/runtime-version.ts';
import { serverKeyword, serverKeywordNames } from '../../src/plan/server-keywords.ts';
import { readWords } from '../../src/plan/words.ts';
import { cli, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { plainHead, startPlain } from './running-state.ts';

/** A value that HAProxy takes, where `3` is none. */
const VALUES: Readonly<Record<string, string>> = {
  observe: 'layer4',
  'on-error': 'fail-check',
  'on-marked-down': 'shutdown-sessions',
  'on-marked-up': 'shutdown-backup-sessions',
  addr: '127.0.0.1',
  verify: 'none',
  sni: 'str(x)',
  proto: 'h1',
  'check-proto': 'h1',
  ws: 'auto',
  'hash-key': 'addr',
  'init-state': 'up',
  'ssl-min-ver': 'TLSv1.2',
  'ssl-max-ver': 'TLSv1.3',
  'proxy-v2-options': 'ssl',
  'pool-conn-name': 'str(x)',
  ktls: 'off',
};
/** What comes of a keyword that this HAProxy does not give to a dynamic server, or of a wrong count of values. */
const REFUSED = /not accepted for dynamic|unknown keyword|not implemented/;

test.each(haproxyVersions)(
  'every keyword that a plan gives to HAProxy $name is one that it takes, with as many values',
  async ({ name: version, path: binary }) => {
    const branch = runtimeAbilities(version)?.branch ?? 0;
    await using folder = await tempFolder();
    const text = `${plainHead(folder.path, 'keywords')}backend b\n  mode http\n  timeout connect 1s\n  timeout server 1s\n`;
    await using _ = await startPlain({ binary, folder: folder.path, name: 'keywords', text });
    const refused: string[] = [];
    let given = 0;
    for (const name of serverKeywordNames()) {
      const keyword = serverKeyword(name);
      if (!keyword || keyword.since === 'never' || keyword.since > branch) {
        continue;
      }
      given++;
      const value = keyword.values === 1 ? ` ${VALUES[name] ?? '3'}` : '';
      const line = `add server b/${name} 127.0.0.1:${given} ${name}${value} weight 1`;
      const answer = await cli(path.join(folder.path, 'keywords.sock'), line);
      if (REFUSED.test(answer)) {
        refused.push(`${line}: ${answer.trim()}`);
      }
    }
    expect(refused).toEqual([]);
    expect(given).toBeGreaterThan(40);
  },
);

/** Left out on purpose (see the table), or without use for a server of the file. */
const LEFT_OUT = new Set(
  'agent-addr agent-check agent-inter agent-port agent-send check-via-socks4 track shard npn source usesrc set-proxy-v2-tlv-fmt'.split(
    ' ',
  ),
);

test.each(haproxyVersions.filter(({ name }) => Number(name) >= 3.2))(
  'every keyword that HAProxy $name offers for servers at run time is known, and no other is given to it',
  async ({ name: version, path: binary }) => {
    const branch = runtimeAbilities(version)?.branch ?? 0;
    await using folder = await tempFolder();
    const text = `${plainHead(folder.path, 'help')}backend b\n  timeout connect 1s\n  timeout server 1s\n`;
    await using _ = await startPlain({ binary, folder: folder.path, name: 'help', text });
    const help = await cli(path.join(folder.path, 'help.sock'), 'add server help');
    const offered = help
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
    const ours = serverKeywordNames().filter((name) => Number(serverKeyword(name)?.since) <= branch);
    const undone = new Set(serverKeywordNames().filter((name) => serverKeyword(name)?.undoes !== undefined));
    const theirs = offered.filter((name) => name !== '' && !LEFT_OUT.has(name) && !undone.has(name));
    expect(ours.toSorted()).toEqual(theirs.toSorted());
  },
);

test('HAProxy takes lines apart as readWords() does', async () => {
  const binary = haproxyVersions.find(({ name }) => name === '3.0')?.path ?? '';
  const part = fc.constantFrom(
    'a',
    'b',
    ' ',
    ' ',
    '\t',
    '"',
    '"',
    "'",
    '\\',
    '#',
    't',
    '\\x41',
    '$',
    '\\$',
    '.',
  );
  const lines = fc
    .sample(fc.array(part, { maxLength: 12 }), 2000)
    .map((parts) => `description x ${parts.join('')}`)
    .filter((line) => {
      const { problem, variables } = readWords(line);
      return problem === undefined && !variables;
    });
  await using folder = await tempFolder();
  const config = path.join(folder.path, 'lines.cfg');
  await writeFile(config, `global\n${lines.join('\n')}\n`);
  // It shows what it read, and ends with 2 since nothing listens.
  const shown = await promisify(execFile)(binary, ['-dC', '-c', '-f', config]).catch((error) => error);
  const read = String(shown.stdout).split('\n').slice(1, -1);
  expect(lines.length).toBeGreaterThan(300);
  expect(read.slice(0, lines.length).map((line) => line.trim())).toEqual(
    lines.map((line) => readWords(line).words.join(' ').trim()),
  );
});
