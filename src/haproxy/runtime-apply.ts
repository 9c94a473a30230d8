import type { ServerCommand } from '../plan/plan.ts';
import type { ApplyOutcome, Batch, ExpectedServers, ReadBack, Runtime, Usability } from '../ports/runtime.ts';
import { Serial } from '../ports/serial.ts';
import type { StateFile } from '../ports/stores.ts';
import { type LingeringEvent, LingeringWatch } from './lingering-watch.ts';
import { type CommandResult, judgeAnswer } from './runtime-answers.ts';
import { batchSteps, type CommandStep } from './runtime-batch.ts';
import { compareServers, compareSteps, rowsByName } from './runtime-read-back.ts';
import { parseServerRows, type ServerRow } from './runtime-server-rows.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { askUsability } from './runtime-usable.ts';
import { type LingeringServer, ServerJournal, workerId } from './server-journal.ts';
import { SocketError, whereNoAnswer } from './socket-command.ts';

/** The mark of a worker whose servers are being changed. */
const HALF_WAY = 'changing';

/** So many lines are under way together: a surprise is noticed before the next ones are sent. */
const AHEAD = 32;

/** More than this in one pass, and a reload is cheaper. */
const MAX_COMMANDS = 1000;

export interface ApplierOptions {
  /** The worker's stats socket, at level admin; empty for none. */
  readonly statsSocket: string;
  /** The file that is published, as this process names it. */
  readonly configPath: string;
  /** Holds the journal of lingering servers. */
  readonly journal: StateFile;
  /** Told what went on in the background. */
  readonly emit?: (event: LingeringEvent) => void;
  /** Milliseconds for an answer. @default 10 s */
  readonly timeout?: number;
  /** Where batches take turns with others that list servers. @default a queue of its own */
  readonly servers?: Serial;
}

/** Changes servers of the running worker, one batch at a time, each on connections of its own. */
export class RuntimeApplier implements Runtime {
  readonly #options: ApplierOptions;
  readonly #serial: Serial;
  readonly #journal: ServerJournal;
  readonly #lingering: LingeringWatch;

  constructor(options: ApplierOptions, journal: ServerJournal) {
    this.#options = options;
    this.#serial = options.servers ?? new Serial();
    this.#journal = journal;
    this.#lingering = new LingeringWatch({
      journal,
      serial: this.#serial,
      open: (signal) => this.#open(signal),
      emit: (event) => options.emit?.(event),
    });
  }

  /** The servers that are not in the file any more, and not yet gone from the worker. */
  get lingering(): readonly LingeringServer[] {
    return this.#journal.all();
  }

  usable(signal: AbortSignal): Promise<Usability> {
    return askUsability({ ...this.#options, open: () => this.#open(signal) });
  }

  apply(batch: Batch, signal: AbortSignal): Promise<ApplyOutcome> {
    return this.#serial.run(async () => {
      const attempt: Attempt = { sent: false };
      try {
        return await this.#apply(batch, signal, attempt);
      } catch (error) {
        if (!(error instanceof SocketError)) {
          throw error;
        }
        if (!attempt.sent) {
          return { kind: 'away', cause: error.advice };
        }
        return surprise(`the connection was lost on the way (${error.message})`);
      } finally {
        this.#lingering.schedule();
      }
    });
  }

  readBackAll(
    expected: { readonly pid: number; readonly servers: ExpectedServers },
    signal: AbortSignal,
  ): Promise<ReadBack> {
    const readBack = this.#serial.run<ReadBack>(async () => {
      await using session = this.#open(signal);
      const info = await session.info();
      if (info.pid !== expected.pid || info.stopping) {
        return { kind: 'moved', pid: info.pid };
      }
      this.#journal.follow(workerId(info));
      const rows = parseServerRows(await session.ask('show servers state'));
      if (!rows) {
        return { kind: 'away', cause: 'the list of servers cannot be read' };
      }
      const differences = compareServers(expected.servers, rowsByName(rows), this.#isLingering);
      return differences.length === 0
        ? { kind: 'same', servers: rows.length }
        : { kind: 'differs', differences };
    });
    return whereNoAnswer(readBack, ({ advice }) => ({ kind: 'away', cause: advice }));
  }

  hold(held: boolean): Promise<void> {
    this.#lingering.hold(held);
    return this.#serial.run(() => Promise.resolve());
  }

  /** Goes on with those that an earlier process has left. */
  resume(): void {
    this.#lingering.schedule();
  }

  /** Ends what runs in the background. Servers that linger are in the journal, for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lingering[Symbol.dispose]();
    await this.#serial.idle();
  }

  async #apply(batch: Batch, signal: AbortSignal, attempt: Attempt): Promise<ApplyOutcome> {
    const { commands, expected, mark } = batch;
    if (commands.length > MAX_COMMANDS) {
      return surprise(`${commands.length} commands in one pass are more than ${MAX_COMMANDS}`);
    }
    const done = await this.#send(batch, signal, attempt);
    if (done.kind === 'surprise' && !attempt.sent) {
      return done;
    }
    // A connection that is held goes on with the worker that took it, whatever runs by now: so, another one.
    await using session = this.#open(signal);
    const info = await session.info();
    if (info.pid !== expected.pid || info.stopping) {
      return moved(expected.pid, info.pid);
    }
    if (done.kind === 'surprise') {
      return done;
    }
    const rows = await readBackends(session, commands);
    if (!rows) {
      return surprise('the touched backends cannot be read back');
    }
    const byName = rowsByName(rows);
    const differences = compareSteps(done.steps, byName, this.#isLingering);
    if (differences.length > 0) {
      return surprise(`read back afterwards: ${differences.join('; ')}`);
    }
    await this.#remember(rows);
    const [, , found = ''] = await session.askAll([...moveMark(mark), ASK_MARK]);
    if (parseMark(found) !== mark) {
      return surprise(`the mark could not be moved (${found || 'no answer'})`);
    }
    const lingering = this.#journal.all().length;
    return { kind: 'applied', pid: info.pid, commands: commands.length, lingering };
  }

  async #send(batch: Batch, signal: AbortSignal, attempt: Attempt): Promise<Sent> {
    const { expected } = batch;
    await using session = this.#open(signal);
    const [info, found] = await Promise.all([session.info(), session.ask(ASK_MARK)]);
    if (info.pid !== expected.pid || info.stopping) {
      return moved(expected.pid, info.pid);
    }
    const mark = parseMark(found);
    if (mark !== expected.mark) {
      return surprise(`it runs the text ${mark ?? 'without a mark'}, not ${expected.mark}`);
    }
    this.#journal.follow(workerId(info));
    const made = batchSteps(batch.commands, {
      ...batch,
      lingering: (backend, server) => this.#journal.get(backend, server),
    });
    if (made.kind === 'no') {
      return surprise(made.reason);
    }
    attempt.sent = true;
    // Whoever is killed from here on leaves a mark that no text has: the next start loads the file.
    if (made.steps.length > 0) {
      await session.askAll(moveMark(HALF_WAY));
    }
    return await this.#sendSteps(session, made.steps, batch.drain);
  }

  async #sendSteps(session: RuntimeSession, steps: readonly CommandStep[], drain: number): Promise<Sent> {
    const lines = steps.flatMap((step) => step.lines.map((line) => ({ step, line })));
    const refusals: string[] = [];
    for (let at = 0; at < lines.length && refusals.length === 0; at += AHEAD) {
      const some = lines.slice(at, at + AHEAD);
      const answers = await session.askAll(some.map(({ line }) => line));
      for (const [index, sent] of some.entries()) {
        const answer = answers[index] ?? '';
        const verdict = judgeAnswer(sent.line, answer);
        this.#note(sent, verdict, drain);
        if (verdict.kind === 'gone' || verdict.kind === 'refused') {
          refusals.push(`"${shorten(sent.line)}" was answered with "${shorten(answer)}"`);
        }
      }
    }
    return refusals.length === 0 ? { kind: 'done', steps } : surprise(refusals.slice(0, 3).join('; '));
  }

  /** Keeps the journal of who lingers. */
  #note({ step, line }: { step: CommandStep; line: string }, verdict: CommandResult, drain: number): void {
    const { command, way } = step;
    const { backend, server } = command;
    if (way === 'revive' && verdict.kind === 'done') {
      this.#journal.drop(backend, server);
    }
    const leaves = (way === 'drain' && verdict.kind === 'done') || verdict.kind === 'busy';
    if (!leaves || command.kind !== 'remove') {
      return;
    }
    const since = Date.now();
    this.#journal.put({
      backend,
      server,
      address: '',
      keywords: command.keywords === null ? null : [...command.keywords],
      since,
      drainUntil: since + drain,
      phase: line.startsWith('del ') ? 'leaving' : 'draining',
    });
  }

  /** Writes the journal, with the addresses of the servers that linger. */
  async #remember(rows: readonly ServerRow[]): Promise<void> {
    for (const { backend, server, host, port } of rows) {
      const lingering = this.#journal.get(backend, server);
      if (lingering?.address === '') {
        this.#journal.put({ ...lingering, address: `${host}:${port}` });
      }
    }
    await this.#lingering.save();
  }

  readonly #isLingering = (backend: string, server: string) =>
    this.#journal.get(backend, server) !== undefined;

  #open(signal: AbortSignal): RuntimeSession {
    return new RuntimeSession(this.#options.statsSocket, signal, this.#options.timeout);
  }
}

type Surprise = Extract<ApplyOutcome, { kind: 'surprise' }>;

type Sent = { readonly kind: 'done'; readonly steps: readonly CommandStep[] } | Surprise;

interface Attempt {
  /** From here on nobody knows, when the connection is lost. */
  sent: boolean;
}

/** Opens nothing yet, but reads the journal of an earlier process and goes on with it. */
export async function createRuntimeApplier(options: ApplierOptions): Promise<RuntimeApplier> {
  const journal = new ServerJournal(options.journal);
  await journal.load();
  const applier = new RuntimeApplier(options, journal);
  applier.resume();
  return applier;
}

function moveMark(mark: string): string[] {
  return ['experimental-mode on', `set var proc.pointsman_mark expr str(${mark})`];
}

async function readBackends(
  session: RuntimeSession,
  commands: readonly ServerCommand[],
): Promise<ServerRow[] | null> {
  const backends = [...new Set(commands.map(({ backend }) => backend))];
  const answers = await Promise.all(backends.map((backend) => session.ask(`show servers state ${backend}`)));
  const parsed = answers.map(parseServerRows);
  return parsed.includes(null) ? null : parsed.flatMap((rows) => rows ?? []);
}

function surprise(reason: string): Surprise {
  return { kind: 'surprise', reason };
}

function moved(expected: number, found: number): Surprise {
  return surprise(
    expected === found
      ? `the worker ${found} is stopping: HAProxy is being reloaded or ended by somebody else`
      : `HAProxy was reloaded by somebody else: the worker ${found} answers, not ${expected}`,
  );
}

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
