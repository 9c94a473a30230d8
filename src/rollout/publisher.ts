import { messageWithHint } from '../errors.ts';
import { type Emit, noticeOf } from '../events.ts';
import { excerpt, firstLines } from '../plan/excerpt.ts';
import { hashText, partsOf, withMark } from '../plan/mark.ts';
import type { ConfigFile } from '../ports/config-file.ts';
import type { Judge } from '../ports/judge.ts';
import type { RollResult } from './roll-result.ts';
import type { Shelved } from './shelved.ts';
import type { Stopwatch } from './stopwatch.ts';

export interface PublisherOptions {
  readonly judge: Judge;
  readonly file: ConfigFile;
  /** `file`: mode `none`, where texts carry no mark. */
  readonly target: 'haproxy' | 'file';
  readonly shelved: Shelved;
  readonly emit: Emit;
}

/** So much of HAProxy's words is told: a value can make it say something of 100,000 lines. */
const MOST_LINES = 40;

/** Has texts judged, and writes those that are accepted. */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** The text as it lies in the file. */
  dress(text: string): string {
    return this.#options.target === 'file' ? text : withMark(text);
  }

  /** Null where HAProxy accepts it. */
  async judge(text: string, watch: Stopwatch, signal: AbortSignal): Promise<RollResult | null> {
    const { judge, shelved, emit } = this.#options;
    const fileText = this.dress(text);
    const hash = hashText(text);
    const verdict = await watch.time('check', () => judge.check(fileText, signal));
    if (verdict.kind === 'broken') {
      const retryInMs = shelved.failed(hash);
      emit({ kind: 'check-broken', message: verdict.message, retryInMs });
      return { kind: 'failed', message: verdict.message, retryInMs };
    }
    if (verdict.kind === 'refused') {
      const retryInMs = shelved.failed(hash);
      const { output, lines } = verdict;
      const told = firstLines(output, MOST_LINES);
      emit({ kind: 'check-refused', output: told, excerpt: excerpt(text, lines), hash });
      return { kind: 'refused', output, lines, retryInMs };
    }
    if (verdict.warnings !== '') {
      emit({ kind: 'check-warned', warnings: firstLines(verdict.warnings, MOST_LINES) });
    }
    return null;
  }

  /** Null where it is the file now. */
  async publish(text: string, watch: Stopwatch): Promise<RollResult | null> {
    const { file, shelved, emit } = this.#options;
    const fileText = this.dress(text);
    const hash = hashText(text);
    try {
      await watch.time('publish', () => file.publish(fileText));
    } catch (error) {
      const message = messageWithHint(error);
      const retryInMs = shelved.failed(hash);
      emit({ kind: 'publish-failed', message, retryInMs });
      return { kind: 'failed', message, retryInMs };
    }
    const bytes = partsOf(fileText).reduce((sum, part) => sum + Buffer.byteLength(part), 0);
    emit({ kind: 'published', path: file.path, hash, bytes });
    return null;
  }

  /** Keeps a text that HAProxy runs among the good ones. That it cannot be kept is told, and hinders nothing. */
  async keep(text: string): Promise<void> {
    try {
      await this.#options.file.keep(this.dress(text));
    } catch (error) {
      this.#options.emit(noticeOf(error));
    }
  }
}
