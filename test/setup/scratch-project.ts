import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { tempFolder } from '../support/haproxy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** How a script ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly said: string;
  readonly milliseconds: number;
}

/** A small clone of the project with programs of its own in front of the machine's. */
export interface ScratchProject extends AsyncDisposable {
  readonly folder: string;
  /** Runs a script of the project: `run('setup.sh', '--quiet')`. */
  run(script: string, ...args: string[]): Promise<Ended>;
  /** Puts a shell script in the place of a program. `log "..."` in it writes a line for `calls()`. */
  fake(program: string, body: string): Promise<void>;
  /** What the fakes have logged since the last time. */
  calls(): Promise<string[]>;
  write(file: string, text: string): Promise<void>;
  read(file: string): Promise<string>;
}

/** @param env what differs from the tests' own environment */
export async function scratchProject(env: Record<string, string> = {}): Promise<ScratchProject> {
  const scratch = await tempFolder();
  const folder = path.join(scratch.path, 'project');
  const bin = path.join(scratch.path, 'bin');
  const log = path.join(scratch.path, 'calls');
  await mkdir(path.join(folder, 'src'), { recursive: true });
  await mkdir(bin);
  await writeFile(log, '');
  for (const name of [
    'scripts',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  }
  await writeFile(path.join(folder, 'src/main.ts'), "console.log('one');\n");
  await symlink(process.execPath, path.join(bin, 'node'));

  return {
    folder,
    async run(script, ...args) {
      const before = Date.now();
      const ended = await execa('/bin/sh', [path.join(folder, 'scripts', script), ...args], {
        env: { PATH: `${bin}:${process.env.PATH}`, ...env },
        stdin: 'ignore',
        reject: false,
        all: true,
      });
      return { code: ended.exitCode ?? -1, said: ended.all, milliseconds: Date.now() - before };
    },
    async fake(program, body) {
      const file = path.join(bin, program);
      await rm(file, { force: true });
      await writeFile(file, `#!/bin/sh\nlog() { echo "$*" >>'${log}'; }\n${body}\n`);
      await chmod(file, 0o755);
    },
    async calls() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '');
      await writeFile(log, '');
      return lines;
    },
    write: (file, text) => writeFile(path.join(folder, file), text),
    read: (file) => readFile(path.join(folder, file), 'utf8'),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

/** An npm that installs the fitting Node and the compiler out of this project, and logs how it was called. */
export const FAKE_NPM = `
log "npm $1 with $(node -v | cut -d . -f 1): $*"
case "$*" in
*--prefix*)
  while [ "$1" != --prefix ]; do shift; done
  for package in $(sed -n 's,.*"node_modules/\\(node-linux-[^"]*\\)".*,\\1,p' "$2/package-lock.json"); do
    mkdir -p "$2/node_modules/$package/bin"
    ln -s '${process.execPath}' "$2/node_modules/$package/bin/node"
  done
  ;;
'ci '*)
  rm -rf node_modules
  mkdir node_modules
  ln -s '${ROOT}node_modules/typescript' '${ROOT}node_modules/@types' '${ROOT}node_modules/undici-types' node_modules/
  ;;
esac`;
