import { type HaproxyControl, type HaproxyState, saysTheSame } from '../ports/haproxy.ts';
import type { Serial } from '../ports/serial.ts';
import type { BesideWorkers } from './beside-workers.ts';
import { doubtNow, expectedMark, installedMark, withAnswer } from './current.ts';
import type { Following } from './current-state.ts';
import type { Drawing } from './drawing.ts';

export interface HaproxyWatchOptions extends Following {
  readonly haproxy: Pick<HaproxyControl, 'state' | 'watch' | 'start'>;
  /** What is drawn may depend on the version of HAProxy, and on what it loads beside our file. */
  readonly drawing: Pick<Drawing, 'runsOn' | 'loadedBeside'>;
  readonly beside: BesideWorkers;
  /** Where those who write the file or tell HAProxy something take turns. */
  readonly queue: Pick<Serial, 'run'>;
}

/**
 * Follows what HAProxy says of itself until `signal` aborts; in `managed` it first starts HAProxy from a file of ours,
 * if there is one. HAProxy may start later, go away for a while, or run another text than the file's: each is a state,
 * told once, and wakes the loop where there is something to do.
 */
export async function watchHaproxy(options: HaproxyWatchOptions, signal: AbortSignal): Promise<void> {
  const { haproxy, current, queue } = options;
  if (installedMark(current.now) !== null && haproxy.start) {
    see(await haproxy.start(signal), options);
  }
  for await (const seen of haproxy.watch(signal)) {
    await queue.run(async () => {
      if (saysTheSame(seen, current.now.haproxy)) {
        return;
      }
      // Half of a reload of ours looks like a drift: HAProxy is asked anew while nothing of ours is under way.
      const state = await haproxy.state(signal);
      if (!signal.aborted) {
        see(state, options);
        await lookBeside(state, options, signal);
      }
    });
  }
}

/** A new worker may have loaded files that listen on other ports than before. */
async function lookBeside(
  state: HaproxyState,
  { drawing, beside, mailbox }: HaproxyWatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const files = state.kind === 'running' ? await beside.newOf(state.pid, signal) : null;
  if (files !== null && drawing.loadedBeside(files)) {
    mailbox.post('HAProxy loads other files beside ours');
  }
}

function see(state: HaproxyState, { current, drawing, mailbox, emit }: HaproxyWatchOptions): void {
  const before = current.now;
  const expected = expectedMark(before);
  current.replace((now) => withAnswer(now, state));
  if (state.kind === 'running' && drawing.runsOn(state.version)) {
    mailbox.post('HAProxy is of another version');
  }
  const drifted =
    state.kind === 'running' &&
    expected !== null &&
    (state.mark !== expected || doubtNow(current.now) !== null);
  if (drifted && before.applied.kind === 'verified') {
    emit({ kind: 'haproxy-drift', expected, found: state.mark });
  }
  const [wasThere, isThere] = [before.haproxy.kind !== 'away', state.kind !== 'away'];
  if (isThere !== wasThere) {
    mailbox.post(isThere ? 'HAProxy appeared' : 'HAProxy went away');
  } else if (drifted) {
    mailbox.post('HAProxy runs another text');
  }
}
