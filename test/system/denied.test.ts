import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startProcess, tempFolder } from '../support/haproxy.ts';

const source = (name: string) => JSON.stringify(fileURLToPath(new URL(`../../src/${name}`, import.meta.url)));

/** What another user than root is told of these, in his own process. */
async function toldTo(uid: number, tries: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const script = `
    import { appendFile, readFile, mkdir, rename } from 'node:fs/promises';
    const { explainFileError } = await import(${source('system/file-error.ts')});
    const { askSocket } = await import(${source('haproxy/socket-command.ts')});
    const ask = (path) => askSocket({ path, role: 'stats socket', timeout: 1000 }, 'show info', new AbortController().signal);
    const told = {};
    const tell = async (name, work, wanted) => {
      const error = await work().then(() => new Error('it could'), (error) => explainFileError(error, name, wanted));
      told[name] = error.message + '. ' + error.hint;
    };
    ${Object.entries(tries)
      .map(
        ([name, work]) =>
          `await tell(${JSON.stringify(name)}, () => ${work}, ${JSON.stringify(name.split(' ')[0])});`,
      )
      .join('\n')}
    console.log(JSON.stringify(told));`;
  await using child = await startProcess(process.execPath, ['--input-type=module', '-e', script], { uid });
  await child.ended;
  return JSON.parse(child.output());
}

test('where something is not permitted, our user is named, and the file or folder that is in the way', async () => {
  if (process.getuid?.() !== 0) {
    throw new Error('this test starts a process of another user: run it as root');
  }
  await using temp = await tempFolder();
  await chmod(temp.path, 0o755);
  const at = (name: string) => path.join(temp.path, name);
  for (const [name, mode] of [
    ['closed', 0o700],
    ['shut', 0o755],
    ['sticky', 0o1777],
  ] as const) {
    await mkdir(at(name));
    await chmod(at(name), mode);
  }
  for (const file of ['closed/a', 'shut/a', 'sticky/a']) {
    await writeFile(at(file), '', { mode: 0o600 });
  }
  await chmod(at('shut/a'), 0o600);
  const server = createServer().listen(at('s.sock'));
  await new Promise((resolve) => server.once('listening', resolve));
  await chmod(at('s.sock'), 0o600);
  const told = await toldTo(65534, {
    'write closed/a': `appendFile(${JSON.stringify(at('closed/a'))}, '')`,
    'write shut/a': `appendFile(${JSON.stringify(at('shut/a'))}, '')`,
    'read shut/a': `readFile(${JSON.stringify(at('shut/a'))})`,
    'write shut/new': `appendFile(${JSON.stringify(at('shut/new'))}, '')`,
    'write shut/new/folder': `mkdir(${JSON.stringify(at('shut/new/folder'))}, { recursive: true })`,
    'write sticky/a': `appendFile(${JSON.stringify(at('sticky/b'))}, '').then(() => rename(${JSON.stringify(at('sticky/b'))}, ${JSON.stringify(at('sticky/a'))}))`,
    'write s.sock': `ask(${JSON.stringify(at('s.sock'))})`,
  });
  server.close();
  const us = 'user nobody (uid 65534)';
  const owned = (mode: string) => `(of uid 0 and gid 0, mode ${mode})`;
  expect(told).toEqual({
    'write closed/a': `write closed/a: permission denied (EACCES). Let ${us} enter the folder ${at('closed')} ${owned('700')}.`,
    'write shut/a': `write shut/a: permission denied (EACCES). Let ${us} write to ${at('shut/a')} ${owned('600')}.`,
    'read shut/a': `read shut/a: permission denied (EACCES). Let ${us} read ${at('shut/a')} ${owned('600')}.`,
    'write shut/new': `write shut/new: permission denied (EACCES). Let ${us} write to the folder ${at('shut')} ${owned('755')}.`,
    'write shut/new/folder': `write shut/new/folder: permission denied (EACCES). Let ${us} write to the folder ${at('shut')} ${owned('755')}.`,
    'write sticky/a': `write sticky/a: the file is another user's (EPERM). Its folder is sticky: give the file, or the folder, to ${us}.`,
    'write s.sock': `asking the stats socket ${at('s.sock')}: it may not be opened. Let ${us} write to ${at('s.sock')} ${owned('600')}. With one gid, "mode 660 group N" on the socket and 0750 on its folder do, or run Pointsman as HAProxy's user.`,
  });
});
