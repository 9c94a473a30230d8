import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

const isRoot = process.getuid?.() === 0;

/** A file system of a few pages, on a folder that one process and its children see: it ends with them. */
export interface SmallDisk {
  /** Goes before the command of that process. */
  readonly under: readonly string[];
  /** The folder as that process sees it. */
  pathOf(pid: number): string;
  /** Writes until nothing more fits. */
  fill(pid: number): void;
  /** Takes that away again. */
  free(pid: number): void;
  /** Runs a command of a shell where that process is, with the folder as `$1`. */
  within(pid: number, command: string): Promise<void>;
}

/** Makes one for a folder that is there; what is to be done there first is a command of a shell, with the folder as `$1`. */
export function smallDisk(folder: string, size: string, first = ':'): SmallDisk {
  const script = `mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1"; ${first}; shift 2; exec "$@"`;
  const pathOf = (pid: number) => `/proc/${pid}/root${folder}`;
  const filler = (pid: number) => path.join(pathOf(pid), 'filler');
  return {
    under: [
      ...['unshare', '--mount', ...(isRoot ? [] : ['--user', '--map-root-user'])],
      ...['sh', '-ec', script, 'sh', folder, size],
    ],
    pathOf,
    fill: (pid) => {
      for (const bytes of [1 << 14, 1 << 10, 1]) {
        try {
          for (;;) {
            writeFileSync(filler(pid), Buffer.alloc(bytes), { flag: 'a' });
          }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') {
            throw error;
          }
        }
      }
    },
    free: (pid) => rmSync(filler(pid)),
    async within(pid, command) {
      const user = isRoot ? [] : ['--user', '--preserve-credentials'];
      await execa('nsenter', [`--target=${pid}`, '--mount', ...user, 'sh', '-ec', command, 'sh', folder]);
    },
  };
}
