import type { Emit, PointsmanEvent } from '../../src/events.ts';
import { splitMark } from '../../src/plan/mark.ts';
import type { ConfigFile } from '../../src/ports/config-file.ts';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../../src/ports/haproxy.ts';
import type { Judge, Verdict } from '../../src/ports/judge.ts';
import { Drawing } from '../../src/rollout/drawing.ts';
import { ServedTree } from '../../src/tree/served-tree.ts';
import { OPTIONS } from '../support/catalog.ts';

/** Events as they come. */
export function recorder() {
  const events: PointsmanEvent[] = [];
  return {
    events,
    emit: (event: PointsmanEvent) => void events.push(event),
    kinds: () => events.map((e) => e.kind),
  };
}

/** A served tree, and what draws it where a template asks for nothing but its keys. */
export function servedAndDrawing(emit: Emit) {
  const context = {
    node: { hostname: 'h', env: {} },
    haproxy: { version: '', statsSocket: '', masterSocket: '', serverState: '' },
    vars: {},
  };
  return { served: new ServedTree({ catalog: OPTIONS, emit }), drawing: new Drawing({ context, emit }) };
}

/** A judge that accepts what `verdict` does not say otherwise of. */
export class FakeJudge implements Judge {
  readonly asked: string[] = [];
  verdict: (text: string) => Verdict = () => ({ kind: 'accepted', warnings: '' });

  async check(fileText: string): Promise<Verdict> {
    this.asked.push(fileText);
    return this.verdict(fileText);
  }
}

/** A file in memory. */
export class FakeFile implements ConfigFile {
  readonly path = '/etc/haproxy/haproxy.cfg';
  text: string | null = null;
  writes = 0;
  readonly kept: string[] = [];
  failure: Error | undefined;

  async read(): Promise<string | null> {
    return this.text;
  }

  async publish(fileText: string): Promise<string | null> {
    if (this.failure) {
      throw this.failure;
    }
    const replaced = this.text;
    this.text = fileText;
    this.writes++;
    return replaced;
  }

  async keep(fileText: string): Promise<void> {
    this.kept.push(fileText);
  }

  readonly edits: string[] = [];
  #wake: (() => void) | undefined;

  async lastKept(): Promise<string | null> {
    return this.kept.at(-1) ?? null;
  }

  async keepEdit(fileText: string): Promise<string> {
    this.edits.push(fileText);
    return `/state/hand-edits/${this.edits.length}.cfg`;
  }

  /** Somebody else writes the file, or removes it. */
  edit(text: string | null): void {
    this.text = text;
    this.#wake?.();
  }

  async *watch(signal: AbortSignal): AsyncIterable<void> {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      if (!signal.aborted) {
        yield;
      }
    }
  }
}

/** A HAProxy that loads the fake file, unless it is away or told to fail. */
export class FakeHaproxy implements HaproxyControl {
  readonly #file: FakeFile;
  reloads = 0;
  away = false;
  failNext: string | undefined;
  mark: string | null = null;
  #wake: (() => void) | undefined;

  constructor(file: FakeFile) {
    this.#file = file;
  }

  async state(): Promise<HaproxyState> {
    if (this.away) {
      return { kind: 'away', cause: 'nobody listens' };
    }
    return {
      kind: 'running',
      pid: 100 + this.reloads,
      mark: this.mark,
      version: '2.6.12',
      reloads: this.reloads,
      failedReloads: 0,
      oldWorkers: 0,
    };
  }

  async reload(mark: string): Promise<ReloadOutcome> {
    if (this.away) {
      return { kind: 'away', cause: 'nobody listens' };
    }
    this.reloads++;
    if (this.failNext !== undefined) {
      const message = this.failNext;
      this.failNext = undefined;
      return { kind: 'failed', message };
    }
    this.mark = splitMark(this.#file.text ?? '').mark;
    if (this.mark !== mark) {
      throw new Error('the file does not carry the mark');
    }
    return { kind: 'verified', pid: 100 + this.reloads, tries: 1, log: '' };
  }

  /** Tells the watcher to look. */
  changed(): void {
    this.#wake?.();
  }

  async *watch(signal: AbortSignal): AsyncIterable<HaproxyState> {
    while (!signal.aborted) {
      yield await this.state();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
