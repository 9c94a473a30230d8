import { messageWithHint } from '../errors.ts';
import type { Emit } from '../events.ts';
import { splitMark } from '../plan/mark.ts';
import { BackOff } from '../ports/back-off.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { Mailbox } from '../reconcile/mailbox.ts';
import { keepEdit, tellEdit } from './kept-edits.ts';
import type { Rollout } from './rollout.ts';

export interface DriftOptions {
  readonly file: ConfigFile;
  readonly rollout: Rollout;
  readonly mailbox: Mailbox;
  /** Resolves when no text is on its way to the file. */
  readonly idle?: () => Promise<void>;
  readonly emit: Emit;
}

/** The file could not be put right; it is tried again. */
export interface Unsettled {
  readonly message: string;
  readonly retryInMs: number;
}

/**
 * Watches the file for what others do to it. An edit is kept, its diff told, and the last good text put back,
 * whether or not there is anything new to render. HAProxy's part of it is `WorkerTrust`.
 */
export class Drift {
  readonly #options: DriftOptions;
  readonly #retry = new BackOff();
  #touched = false;
  /** The edit that was told already. */
  #told: string | null | undefined;

  constructor(options: DriftOptions) {
    this.#options = options;
  }

  /**
   * Looks at the file that lies there at the start. One of ours that was edited meanwhile is an edit like any other;
   * one that was never ours is kept and said.
   */
  async open(): Promise<void> {
    const { rollout, file, mailbox, emit } = this.#options;
    const found = rollout.installedFile;
    if (rollout.target === 'file' || found === null || rollout.installedMark !== null) {
      return;
    }
    rollout.trust.fileTouched();
    const good = await file.lastKept();
    if (good !== null) {
      this.#touched = true;
      rollout.installedFile = good;
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
    const { file, rollout, mailbox } = this.#options;
    for await (const _ of file.watch(signal)) {
      rollout.trust.fileTouched();
      this.#touched = true;
      mailbox.post('the file was touched');
    }
  }

  /** Puts the file right where somebody else changed it. Null where it is right now. */
  async settle(): Promise<Unsettled | null> {
    if (!this.#touched) {
      return null;
    }
    const { file, rollout, idle } = this.#options;
    this.#touched = false;
    await idle?.();
    try {
      const found = await file.read();
      if (found !== rollout.installedFile) {
        await this.#putRight(found);
      }
    } catch (error) {
      const message = messageWithHint(error);
      this.#touched = true;
      const retryInMs = this.#retry.failed();
      this.#options.emit({ kind: 'publish-failed', message, retryInMs });
      return { message, retryInMs };
    }
    this.#told = undefined;
    this.#retry.succeeded();
    rollout.trust.fileRestored();
    return null;
  }

  async #putRight(found: string | null): Promise<void> {
    const { file, rollout } = this.#options;
    const good = rollout.installedFile;
    if (this.#told !== found) {
      await tellEdit(this.#options, { found, good });
      this.#told = found;
    }
    if (good === null) {
      rollout.installedFile = found;
    } else {
      await file.publish(good);
    }
  }
}
