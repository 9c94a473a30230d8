import { readFile, stat } from 'node:fs/promises';
import type { Settings } from '../settings/settings.ts';

/**
 * What is mounted in our mount namespace, by path (proc(5), /proc/pid/mountinfo). A single file may be, too, as
 * `docker run -v ./haproxy.cfg:/etc/haproxy/haproxy.cfg` does it. Empty where the kernel does not say.
 */
export async function mountPoints(file = '/proc/self/mountinfo'): Promise<ReadonlySet<string>> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const paths = lines.map((line) => line.split(' ')[4]).filter((path) => path !== undefined);
  // Blanks and backslashes are octal there.
  return new Set(
    paths.map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    ),
  );
}

/** What of the settings' files is mounted by itself, with what comes of it. */
export async function singleFileMounts(
  { output, template, sources, configFile }: Pick<Settings, 'output' | 'template' | 'sources' | 'configFile'>,
  mounts: ReadonlySet<string>,
): Promise<readonly (readonly ['wrong' | 'note', string, string])[]> {
  const found: (readonly ['wrong' | 'note', string, string])[] = [];
  if (mounts.has(output.path)) {
    const why = 'a file cannot be renamed onto it (EBUSY); mount its folder';
    found.push(['wrong', 'output', `${output.path} is a mount point: ${why}`]);
  }
  const read = [
    ['template', template],
    ...sources.flatMap((source) => (source.kind === 'file' ? [['source', source.path] as const] : [])),
    ['settings', configFile],
  ] as const;
  for (const [what, path] of read) {
    if (typeof path !== 'string' || !mounts.has(path) || (await isFolder(path))) {
      continue;
    }
    const why = 'one that takes its place outside, as most editors do it, is not seen here; mount its folder';
    found.push(['note', what ?? '', `${path} is a mount point by itself: ${why}`]);
  }
  return found;
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
