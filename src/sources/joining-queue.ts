import type { Change } from '../model/entry.ts';
import type { SourceEvent } from '../ports/source.ts';
import type { Queue } from './events-of.ts';

type Heard = Extract<SourceEvent, { kind: 'heard' }>;

/** Changes that wait; more of them may come. */
interface Changes {
  readonly kind: 'changes';
  readonly changes: Change[];
  revision: bigint;
}

/**
 * Events of sources that wait to be taken. Changes become one event with changes that wait already, and so do the figures
 * that each source says before its changes; everything else stays in its order.
 *
 *     heard, changes, heard, changes  -->  heard, changes
 */
export class JoiningQueue implements Queue<SourceEvent> {
  readonly #waiting: (Exclude<SourceEvent, { kind: 'changes' }> | Changes)[] = [];

  push(event: SourceEvent): void {
    const last = this.#waiting.at(-1);
    if (event.kind === 'changes') {
      const changes = last?.kind === 'changes' ? last : this.#begin();
      for (const change of event.changes) {
        changes.changes.push(change);
      }
      changes.revision = event.revision;
    } else if (event.kind === 'heard' && event.what === 'changes' && last?.kind === 'changes') {
      this.#hear(event);
    } else {
      this.#waiting.push(event);
    }
  }

  shift(): SourceEvent | undefined {
    return this.#waiting.shift();
  }

  #begin(): Changes {
    const changes: Changes = { kind: 'changes', changes: [], revision: 0n };
    this.#waiting.push(changes);
    return changes;
  }

  /** Before the changes that wait, in the place of what the same source said before them. */
  #hear(event: Heard): void {
    const last = this.#waiting.length - 1;
    for (let at = last - 1; at >= 0; at--) {
      const older = this.#waiting[at];
      if (older?.kind !== 'heard' || older.what !== 'changes') {
        break;
      }
      if (older.of.index === event.of.index) {
        this.#waiting[at] = { ...event, changed: older.changed + event.changed };
        return;
      }
    }
    this.#waiting.splice(last, 0, event);
  }
}
