import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { changedSince, createNamedFiles } from '../../src/haproxy/named-files.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

/** A folder with files that a configuration names, and what tells them apart. */
async function setUp() {
  const folder = await tempFolder();
  const at = (name: string) => path.join(folder.path, name);
  const write = (name: string, text: string) => writeFile(at(name), text);
  await Promise.all(['crt', 'ca', 'many'].map((name) => mkdir(at(name))));
  await write('ca/clients.pem', 'one');
  await write('ca/list.pem', 'one');
  await write('crt/site.pem', 'one');
  await write('many/a.pem', 'one');
  await write('list', 'site.pem [ca-file list.pem verify required] www.example.com\n');
  await write('first.map', 'one');
  await symlink('first.map', at('hosts.map'));
  const text = `global
  crt-base ${at('crt')}
  ca-base ${at('ca')}
frontend f
  bind :443 ssl crt-list ${at('list')} ca-file clients.pem
  bind :444 ssl crt ${at('many')}
  use_backend %[req.hdr(host),lower,map_dom(${at('hosts.map')},be_x)]
`;
  const files = createNamedFiles();
  let before = await files.look([text]);
  /** The files that are other ones than at the last look. */
  const changed = async () => {
    const now = await files.look([text]);
    const names = [...now].filter(([file, stamp]) => before.get(file) !== stamp);
    before = now;
    return names.map(([file]) => path.relative(folder.path, file)).sort();
  };
  return { at, write, changed, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test('what a named file holds makes it another one: written over by as much, replaced, in a folder, in a list, behind a link', async () => {
  await using site = await setUp();
  expect(await site.changed()).toEqual([]);
  await site.write('ca/clients.pem', 'two');
  expect(await site.changed()).toEqual(['ca/clients.pem']);
  await site.write('ca/new.pem', 'two');
  await rename(site.at('ca/new.pem'), site.at('ca/clients.pem'));
  expect(await site.changed()).toEqual(['ca/clients.pem']);
  await site.write('many/a.pem', 'two');
  expect(await site.changed()).toEqual(['many/a.pem']);
  await site.write('crt/site.pem', 'two');
  await site.write('ca/list.pem', 'two');
  expect(await site.changed()).toEqual(['ca/list.pem', 'crt/site.pem']);
  await site.write('second.map', 'one');
  await unlink(site.at('hosts.map'));
  await symlink('second.map', site.at('hosts.map'));
  expect(await site.changed()).toEqual(['hosts.map']);
});

test('changedSince() tells what was written, put there or linked anew, and not what is older or is not there', async () => {
  await using site = await setUp();
  const names = ['ca/clients.pem', 'crt/site.pem', 'many', 'hosts.map', 'first.map', 'none.pem'];
  const began = Date.now();
  await waitFor(() => Date.now() > began + 20);
  const then = Date.now();
  await waitFor(() => Date.now() > then + 20);
  const since = async () =>
    [...(await changedSince(names.map(site.at), then))].map((file) => path.basename(file));
  expect(await since()).toEqual([]);
  await site.write('ca/clients.pem', 'two');
  await site.write('many/b.pem', 'new');
  await unlink(site.at('hosts.map'));
  await symlink('first.map', site.at('hosts.map'));
  expect(await since()).toEqual(['clients.pem', 'many', 'hosts.map']);
});
