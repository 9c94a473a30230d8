import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseServerRows, type ServerRow } from '../../src/haproxy/runtime-server-rows.ts';
import { cli } from '../support/haproxy.ts';

/** What the file says and what HAProxy does, at one moment. */
export interface View {
  readonly file: string;
  readonly rows: readonly ServerRow[];
  /** Workers of before a reload that still have connections. */
  readonly oldWorkers: number;
}

const EVERY = 150;

/** Looks at the file and at HAProxy for all who wait for something there, with one look for all of them. */
export class Outlook {
  readonly #configPath: string;
  readonly #masterSocket: string;
  #next: Promise<View | null> | null = null;

  constructor(site: { readonly configPath: string; readonly masterSocket: string }) {
    this.#configPath = site.configPath;
    this.#masterSocket = site.masterSocket;
  }

  /** Waits for a view of this kind. False where none came within `timeout` milliseconds. */
  async until(condition: (view: View) => boolean, timeout: number): Promise<boolean> {
    const end = performance.now() + timeout;
    while (performance.now() < end) {
      const view = await this.#shared();
      if (view && condition(view)) {
        return true;
      }
    }
    return false;
  }

  /** What is there now; null while HAProxy 2.6 reloads, which refuses its master socket then. */
  async look(): Promise<View | null> {
    try {
      const file = await readFile(this.#configPath, 'utf8');
      const rows = parseServerRows(await cli(this.#masterSocket, '@1 show servers state'));
      const workers = await cli(this.#masterSocket, 'show proc');
      const old = /# old workers\n([^#]*)/.exec(workers)?.[1] ?? '';
      return rows && { file, rows, oldWorkers: [...old.matchAll(/\sworker\s/g)].length };
    } catch {
      return null;
    }
  }

  #shared(): Promise<View | null> {
    this.#next ??= sleep(EVERY).then(() => {
      this.#next = null;
      return this.look();
    });
    return this.#next;
  }
}

/** Whether neither the file nor HAProxy sends anything new to an address. */
export function isOut(view: View, port: number): boolean {
  if (view.file.includes(`127.0.0.1:${port} `)) {
    return false;
  }
  return !view.rows.some((row) => row.port === port && row.admin !== 'maint');
}
