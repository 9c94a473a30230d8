import { messageWithHint } from '../errors.ts';
import { type Emit, noticeOf } from '../events.ts';
import { excerpt, firstLines } from '../plan/excerpt.ts';
import { hashText, partsOf, splitMark, withMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { Foreseen, Judge, NowRunning, Preflight } from '../ports/judge.ts';
import type { Serial } from '../ports/serial.ts';
import type { PendingNote } from '../ports/stores.ts';
import { runningSet, withFile, withPublished, workerOf } from './current.ts';
import type { CurrentState } from './current-state.ts';
import type { ConfigSet, Trouble } from './facts.ts';
import { publishOver } from './kept-edits.ts';
import type { At, Stopwatch } from './stopwatch.ts';
import type { Troubles } from './troubles.ts';

export interface ConfigWriterOptions {
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly preflight?: Preflight;
  readonly pending?: PendingNote;
  readonly current: CurrentState;
  readonly troubles: Troubles;
  /** Where those who write the file or tell HAProxy something take turns. */
  readonly queue: Pick<Serial, 'run'>;
  readonly emit: Emit;
}

/** So much of HAProxy's words is told: a value can make it say something of 100,000 lines. */
const MOST_LINES = 40;

/**
 * Has sets checked, and writes those that are accepted. What was published and not loaded yet lies on the disk as
 * well: where HAProxy cannot be asked, nothing else tells after a crash that a reload is still owed.
 */
export class ConfigWriter {
  readonly #options: ConfigWriterOptions;

  constructor(options: ConfigWriterOptions) {
    this.#options = options;
  }

  /** Reads what is installed, and what a run of before left to be loaded. */
  async open(): Promise<void> {
    const { file, current, pending } = this.#options;
    const fileText = await file.read();
    const owed = current.now.target === 'file' ? null : ((await pending?.read()) ?? null);
    current.replace((now) => ({ ...withFile(now, fileText), owed }));
  }

  /** Has it checked, beside the queue: changes at run time do not wait for that. True where it is the file now. */
  async checkAndWrite(set: ConfigSet, at: At): Promise<boolean> {
    const { queue } = this.#options;
    const isDone = (await this.check(set, at)) && (await queue.run(() => this.publish(set, at.watch)));
    if (isDone) {
      await this.accepted(set);
    }
    return isDone;
  }

  /** True where HAProxy accepts it. */
  async check(set: ConfigSet, { watch, signal }: At): Promise<boolean> {
    const { judge, troubles, emit } = this.#options;
    const verdict = await watch.time('check', () => judge.check(this.#fileTextOf(set), signal));
    switch (verdict.kind) {
      case 'accepted':
        if (verdict.warnings !== '') {
          emit({ kind: 'check-warned', warnings: firstLines(verdict.warnings, MOST_LINES) });
        }
        return true;
      case 'broken':
        return this.#failed('check-broken', set, verdict.message);
      case 'refused': {
        const { output, lines } = verdict;
        troubles.add(set.hash, { kind: 'refused', output, lines, judged: false });
        const told = firstLines(output, MOST_LINES);
        emit({ kind: 'check-refused', output: told, excerpt: excerpt(set.text, lines), hash: set.hash });
        return false;
      }
      default:
        return verdict satisfies never;
    }
  }

  /** False where something is in the way of a reload that the check cannot see. */
  async foresee(set: ConfigSet, signal: AbortSignal): Promise<boolean> {
    const foreseen = await this.foreseen(set.text, signal);
    if (foreseen === null) {
      return true;
    }
    const { output, lines } = foreseen;
    const message = `HAProxy would fail to load it: ${output.replaceAll('\n', ' ')}`;
    const trouble: Trouble =
      lines.length > 0
        ? { kind: 'refused', by: 'preflight', output, lines, judged: false }
        : { kind: 'failed', message };
    return this.#failed('preflight-failed', set, message, trouble);
  }

  /** What is in the way of a reload that the check cannot see; null where nothing is, as far as can be seen. */
  async foreseen(text: string, signal: AbortSignal): Promise<Foreseen | null> {
    return (await this.#options.preflight?.check(text, this.#running, signal)) ?? null;
  }

  /** Those of some `bind` lines that somebody is in the way of right now; null where that cannot be seen. */
  async inTheWay(binds: readonly string[]): Promise<ReadonlySet<string> | null> {
    return (await this.#options.preflight?.inTheWay(binds, this.#running)) ?? null;
  }

  /** True where it is the file now. */
  async publish(set: ConfigSet, watch: Stopwatch): Promise<boolean> {
    const { file, current, emit } = this.#options;
    const fileText = this.#fileTextOf(set);
    try {
      await watch.time('publish', () => this.#write(fileText));
    } catch (error) {
      return this.#failed('publish-failed', set, messageWithHint(error));
    }
    current.replace((now) => withPublished(now, fileText));
    const bytes = partsOf(fileText).reduce((sum, part) => sum + Buffer.byteLength(part), 0);
    emit({ kind: 'published', path: file.path, hash: set.hash, bytes });
    return true;
  }

  /** Puts back what lay there before. Where that cannot be written, what lies there stays. */
  async putBack(before: string): Promise<void> {
    const { file, current, emit } = this.#options;
    try {
      await this.#write(before);
    } catch (error) {
      emit({ kind: 'publish-failed', message: messageWithHint(error), retryInMs: null });
      return;
    }
    current.replace((now) => withFile(now, before));
    emit({ kind: 'rolled-back', path: file.path, hash: hashText(splitMark(before).text) });
  }

  /** The file holds it, and HAProxy runs it: no load is owed, and it is among the good ones. What cannot be kept hinders nothing. */
  async accepted(set: ConfigSet): Promise<void> {
    const { file, troubles, emit } = this.#options;
    troubles.forget(set.hash);
    await this.owe(null);
    try {
      await file.keep(this.#fileTextOf(set));
    } catch (error) {
      emit(noticeOf(error));
    }
  }

  /** The set with this hash is about to be published; null: it was loaded, or is not the file any more. */
  async owe(hash: string | null): Promise<void> {
    const { pending, current, emit } = this.#options;
    if (!pending || current.now.target === 'file' || hash === current.now.owed) {
      return;
    }
    current.replace((now) => ({ ...now, owed: hash }));
    try {
      await (hash === null ? pending.clear() : pending.write(hash));
    } catch (error) {
      // Only a crash in the next moments would matter.
      emit(noticeOf(error));
    }
  }

  /** Where it fails after the file took its place, that is what lies there all the same. */
  async #write(fileText: string): Promise<void> {
    const { current, file } = this.#options;
    try {
      await publishOver(current.now.fileText, fileText, this.#options);
    } catch (error) {
      if ((await file.read().catch(() => null)) === fileText) {
        current.replace((now) => withFile(now, fileText));
      }
      throw error;
    }
  }

  #failed(
    kind: 'check-broken' | 'preflight-failed' | 'publish-failed',
    { hash }: ConfigSet,
    message: string,
    trouble: Trouble = { kind: 'failed', message },
  ): false {
    const { troubles, emit } = this.#options;
    emit({ kind, message, retryInMs: troubles.add(hash, trouble) });
    return false;
  }

  get #running(): NowRunning {
    const { now } = this.#options.current;
    return { text: runningSet(now)?.text ?? null, pid: workerOf(now) };
  }

  /** The set as it lies in the file. */
  #fileTextOf({ text }: ConfigSet): string {
    return this.#options.current.now.target === 'file' ? text : withMark(text);
  }
}
