import type { Emit } from '../events.ts';
import type { Believed } from '../guard/believed.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import { CrashScreen } from '../quarantine/crash-screen.ts';
import type { Picture } from '../tree/picture.ts';
import type { Crashes } from './crashes.ts';
import type { Mailbox } from './mailbox.ts';

export interface SourceFollowerOptions {
  readonly source: Source;
  readonly picture: Picture;
  readonly believed: Believed | undefined;
  readonly mailbox: Mailbox;
  readonly crashes: Pick<Crashes, 'tell'>;
  readonly emit: Emit;
}

type Data = Extract<SourceEvent, { kind: 'snapshot' | 'changes' }>;

/**
 * Takes what a source tells into the picture, at once and in order, and wakes the loop. With `believed` it goes
 * through the guard. A value over which that throws is kept away by itself; else this throws, and begins anew with
 * everything that the source has.
 */
export async function followSource(options: SourceFollowerOptions, signal: AbortSignal): Promise<void> {
  const { source, picture, believed, mailbox, emit } = options;
  const screen = new CrashScreen(options);
  const take = (event: Data) => {
    const first = !picture.hasTree;
    const { view } = picture;
    const changed = believed ? believed.take(event) : takePlainly(picture, event);
    if ((changed > 0 && picture.view !== view) || first) {
      mailbox.post(first ? 'first tree' : `${changed} ${changed === 1 ? 'key' : 'keys'} changed`);
    }
  };
  for await (const event of source.watch(signal)) {
    switch (event.kind) {
      case 'state': {
        const { state, error, of } = believed?.state(event) ?? event;
        emit({ kind: 'source-state', source: of.index, name: of.name, state, error: error?.message ?? null });
        break;
      }
      case 'notice':
        emit(event);
        break;
      case 'heard': {
        const { of, what, changed, keys, revision } = event;
        believed?.heard(event);
        emit({
          kind: 'source-data',
          source: of.index,
          name: of.name,
          what,
          changed,
          keys,
          revision: String(revision),
        });
        break;
      }
      case 'snapshot':
      case 'changes':
        try {
          take(screen.pass(event));
        } catch (error) {
          believed?.recover();
          if (!(await screen.find(event))) {
            throw error;
          }
          await options.crashes.tell('taking what the sources say', error);
          take(screen.pass(event));
        }
    }
  }
}

function takePlainly(picture: Picture, event: Data): number {
  if (event.kind === 'snapshot') {
    return picture.replace(event.entries);
  }
  picture.apply(event.changes);
  return event.changes.length;
}
