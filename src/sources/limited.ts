import { SourceError } from '../errors.ts';
import { Admission, type Limits } from '../model/limits.ts';
import type { Source, SourceEvent } from '../ports/source.ts';

export interface LimitedOptions {
  /** The place of the source in the settings. */
  readonly index: number;
  readonly limits: Limits;
}

/** A source of which no more is taken than the limits allow; what is refused comes without its value. */
export function limited(source: Source, options: LimitedOptions): Source {
  return {
    name: source.name,
    read: async (signal, onRefused) =>
      new Admission(options.limits).replace(await source.read(signal, onRefused)),
    watch: (signal) => watchLimited(source, options, signal),
    ...(source.earlier ? { earlier: source.earlier } : {}),
  };
}

type StateEvent = Extract<SourceEvent, { kind: 'state' }>;

async function* watchLimited(
  source: Source,
  { index, limits }: LimitedOptions,
  signal: AbortSignal,
): AsyncGenerator<SourceEvent> {
  const admission = new Admission(limits);
  const of = { index, name: source.name };
  let state: StateEvent = { kind: 'state', state: 'connecting', of };
  let overflows = false;
  for await (const event of source.watch(signal)) {
    if (event.kind === 'state') {
      state = event;
    }
    if (event.kind === 'snapshot') {
      yield { ...event, entries: admission.replace(event.entries) };
    } else if (event.kind === 'changes') {
      yield { ...event, changes: admission.apply(event.changes) };
    } else if (!overflows || event.kind !== 'state') {
      yield event;
    }
    if (overflows === admission.forgotten > 0) {
      continue;
    }
    overflows = !overflows;
    yield overflows ? { kind: 'state', state: 'stale', error: overflow(limits), of } : state;
  }
}

/** Said once: which keys are left out beyond all measure is not even remembered. */
function overflow({ keys, totalBytes }: Limits): SourceError {
  const found = `far more than limits.keys (${keys}) and limits.totalBytes (${totalBytes}) allow is there`;
  return new SourceError(
    `${found}: the youngest keys are left out without their names until the next full read`,
    {
      hint: 'delete what does not belong there, or raise the limits',
    },
  );
}
