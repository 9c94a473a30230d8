import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseVersion } from '../../src/haproxy/version.ts';
import { type HaproxyBinary, haproxyOf } from './haproxy-versions.ts';

/** The HAProxy that `haproxy` means until the end. */
export interface ChosenHaproxy extends HaproxyBinary, Disposable {
  /** `3.4.7-1` */
  readonly version: string;
}

/**
 * Makes `haproxy` mean the one of `--haproxy BRANCH|PATH` (`3.4`, `./haproxy`) for this process and all that it starts:
 * what tests start themselves, Pointsman's `haproxy.binary`, and scripts. Without a choice it stays PATH's own.
 *
 * @throws where there is none
 */
export function chooseHaproxy(choice: string | undefined): ChosenHaproxy {
  const before = process.env.PATH ?? '';
  if (choice === undefined) {
    return { ...said('haproxy'), path: 'haproxy', [Symbol.dispose]: () => {} };
  }
  const found = /^\d+\.\d+$/.test(choice) ? haproxyOf(choice).path : path.resolve(choice);
  if (found === 'haproxy') {
    return chooseHaproxy(undefined);
  }
  if (!existsSync(found)) {
    throw new Error(`--haproxy ${choice}: there is no ${found}`);
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'pm-haproxy-'));
  symlinkSync(found, path.join(folder, 'haproxy'));
  process.env.PATH = `${folder}${path.delimiter}${before}`;
  const forget = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', forget);
  return {
    ...said('haproxy'),
    path: found,
    [Symbol.dispose]() {
      process.env.PATH = before;
      process.off('exit', forget);
      forget();
    },
  };
}

function said(binary: string): { readonly name: string; readonly version: string } {
  const version = parseVersion(execFileSync(binary, ['-v'], { encoding: 'utf8' }));
  if (!version) {
    throw new Error(`${binary} is no HAProxy`);
  }
  return { name: version.branch, version: version.full };
}
