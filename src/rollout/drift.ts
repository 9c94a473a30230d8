import { messageWithHint } from '../errors.ts';
import { splitMark } from '../plan/mark.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock } from '../ports/clock.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { ConfigWriter } from './config-writer.ts';
import { installedMark, withFile } from './current.ts';
import type { Following } from './current-state.ts';
import type { FileFact } from './facts.ts';
import { keepEdit, publishOver, tellEdit } from './kept-edits.ts';
import { afterRestore, afterTouch } from './worker-trust.ts';

export interface DriftOptions extends Following {
  readonly file: ConfigFile;
  /** Remembers that HAProxy is to load the file. */
  readonly writer: Pick<ConfigWriter, 'owe'>;
}

const OURS: FileFact = { kind: 'ours' };

/**
 * Watches the file for what others do to it. An edit is kept, its diff told, and the last good text put back,
 * whether or not there is anything new to render. HAProxy's part of it is `WorkerTrust`.
 */
export class Drift {
  readonly #options: DriftOptions;
  readonly #retry = new BackOff();
  #fact: FileFact = OURS;
  /** The edit that was told already. */
  #told: string | null | undefined;

  constructor(options: DriftOptions) {
    this.#options = options;
  }

  /** Whether the file is as we left it. */
  get fact(): FileFact {
    if (this.#fact.kind !== 'stuck') {
      return this.#fact;
    }
    const retryInMs = this.#retry.waitMs;
    return retryInMs > 0 ? { ...this.#fact, retryInMs } : { kind: 'touched' };
  }

  /**
   * Looks at the file that lies there at the start. One of ours that was edited meanwhile is an edit like any other;
   * one that was never ours is kept and said.
   */
  async open(): Promise<void> {
    const { current, file, mailbox, emit } = this.#options;
    const { target, fileText: found } = current.now;
    if (target === 'file' || found === null || installedMark(current.now) !== null) {
      return;
    }
    this.#distrust();
    const good = await file.lastKept();
    if (good !== null) {
      this.#fact = { kind: 'touched' };
      current.replace((now) => withFile(now, good));
      mailbox.post('the file was edited meanwhile');
      return;
    }
    const kept = await keepEdit(this.#options, found);
    const where = kept === null ? '' : `; its copy is ${kept}`;
    const whose =
      splitMark(found).mark === null ? 'was not written by Pointsman' : 'was edited since it was written';
    emit({ kind: 'notice', message: `${file.path} ${whose} and will be replaced${where}` });
  }

  /** Follows the file until `signal` aborts, and wakes the loop when somebody else touched it. */
  async follow(signal: AbortSignal): Promise<void> {
    const { file, mailbox } = this.#options;
    for await (const _ of file.watch(signal)) {
      this.#distrust();
      this.#fact = { kind: 'touched' };
      mailbox.post('the file was touched');
    }
  }

  /** Puts the file right where somebody else changed it. Nobody else writes it meanwhile. */
  async putRight(): Promise<void> {
    const { file, current, emit } = this.#options;
    // Whoever touches it from now on is followed anew.
    this.#fact = OURS;
    try {
      const found = await file.read();
      if (found !== current.now.fileText) {
        await this.#replace(found);
      }
    } catch (error) {
      const message = messageWithHint(error);
      const retryInMs = this.#retry.failed();
      this.#fact = { kind: 'stuck', message, retryInMs };
      emit({ kind: 'publish-failed', message, retryInMs });
      return;
    }
    this.#told = undefined;
    this.#retry.succeeded();
    current.replace((now) => ({ ...now, trust: afterRestore(now.trust, clock.now()) }));
  }

  async #replace(found: string | null): Promise<void> {
    const { current } = this.#options;
    const good = current.now.fileText;
    if (this.#told !== found) {
      await tellEdit(this.#options, { found, good });
      this.#told = found;
    }
    if (good === null) {
      current.replace((now) => withFile(now, found));
    } else {
      if (current.now.haproxy.kind === 'unseen') {
        // It may have loaded what was found, and cannot be asked.
        await this.#options.writer.owe(installedMark(current.now));
      }
      await publishOver(found, good, this.#options);
    }
  }

  #distrust(): void {
    this.#options.current.replace((now) => ({ ...now, trust: afterTouch(now.trust, clock.now()) }));
  }
}
