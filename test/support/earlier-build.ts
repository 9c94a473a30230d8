import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { tempFolder } from './haproxy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The last commit whose state files say no version. */
const UNVERSIONED = 'daa93a4b9dcc0aaa824ca5ca432412724694cf0b';

/** A Pointsman of before. */
export interface EarlierBuild extends AsyncDisposable {
  /** Its program, for Node. */
  readonly main: string;
}

/** Lays out the Pointsman of before state files had versions, from the history of this repository, with our dependencies. */
export async function earlierBuild(): Promise<EarlierBuild> {
  const temp = await tempFolder();
  const folder = path.join(temp.path, 'pointsman');
  await mkdir(folder);
  const tar = path.join(temp.path, 'build.tar');
  const { failed, stderr } = await execa(
    'git',
    ['archive', '--output', tar, UNVERSIONED, 'src', 'templates', 'package.json'],
    { cwd: ROOT, reject: false },
  );
  if (failed) {
    await temp[Symbol.asyncDispose]();
    throw new Error(
      `taking the build of before from the history (git archive ${UNVERSIONED.slice(0, 7)}): ${stderr}\nWhere the clone is shallow: git fetch --unshallow`,
    );
  }
  await execa('tar', ['-xf', tar, '-C', folder]);
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return {
    main: path.join(folder, 'src', 'main.ts'),
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}
