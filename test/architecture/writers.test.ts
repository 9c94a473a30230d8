import { expect, test } from 'vitest';
import { sourceFiles, withoutComments } from './source-file.ts';

/** Who may write files by himself, and what. */
const WRITERS: Readonly<Record<string, string>> = {
  'system/temp-file.ts': 'the temporary file',
  'system/write-whole.ts': 'puts it in its place',
  'state/config-file.ts': 'puts it in its place, and looks at what it replaces',
  'state/believed-files.ts': 'sets a file aside',
  'state/lock.ts': 'the lock says who holds it',
  'state/versions.ts': 'sets a file aside',
  'ledger/segment-writer.ts': 'appends lines, each with its checksum',
  'haproxy/haproxy-output.ts': 'reads the pipe, which has to have a writer',
};
const WRITES =
  /\b(?:writeFile|writeFileSync|appendFile|rename|renameSync|createWriteStream|copyFile)\(|\bopen\([^)]*'(?:w|a|r\+)|\bO_(?:WRONLY|RDWR|CREAT)\b/;

test('whoever writes a file writes it whole, by writeWhole()', () => {
  const found = sourceFiles()
    .filter(({ text }) => WRITES.test(withoutComments(text)))
    .map(({ path }) => path);
  expect(found.sort()).toEqual(Object.keys(WRITERS).sort());
});
