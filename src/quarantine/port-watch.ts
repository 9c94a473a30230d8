import { clock } from '../ports/clock.ts';
import type { Refused } from '../tree/refusals.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';

/** Milliseconds between two tries of what it found. */
const PAUSE = 3000;

const NONE: ReadonlySet<string> = new Set();

/**
 * Looks whether the ports are free over which units are set aside on this host. Where the preflight refused it, a free port is
 * worth a try. Where a reload failed over it, only one that was seen taken first: else it is not known what was in the way, and
 * another reload that fails refuses connections.
 */
export class PortWatch {
  readonly #inTheWay: QuarantineNeeds['inTheWay'];
  /** By name, whether its port was seen taken: those that were not are not looked at again. */
  readonly #wasTaken = new Map<string, boolean>();
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(inTheWay: QuarantineNeeds['inTheWay']) {
    this.#inTheWay = inTheWay;
  }

  /** The ids of those units whose ports are free now. */
  async look(refused: readonly Refused[]): Promise<ReadonlySet<string>> {
    const all = refused.filter(({ by, binds = [] }) => by !== 'check' && binds.length > 0);
    this.#forgetBut(new Set(all.map(nameOf)));
    const watched = all.filter((one) => this.#wasTaken.get(nameOf(one)) !== false);
    if (watched.length === 0) {
      return NONE;
    }
    const held = await this.#inTheWay([...new Set(watched.flatMap(({ binds = [] }) => binds))]);
    if (held === null) {
      return NONE;
    }
    const free = watched.filter((one) => {
      const isTaken = one.binds?.some((bind) => held.has(bind)) ?? false;
      const wasTaken = this.#wasTaken.get(nameOf(one)) ?? (isTaken || one.by === 'preflight');
      this.#wasTaken.set(nameOf(one), wasTaken);
      return wasTaken && !isTaken;
    });
    if (free.length === 0 || clock.now() < this.#nextAt) {
      return NONE;
    }
    this.#nextAt = clock.now() + PAUSE;
    return new Set(free.map(({ unit }) => unit.id));
  }

  #forgetBut(names: ReadonlySet<string>): void {
    for (const name of this.#wasTaken.keys()) {
      if (!names.has(name)) {
        this.#wasTaken.delete(name);
      }
    }
  }
}

/** Set aside anew, or by somebody else, it is another one. */
function nameOf({ unit, by, since }: Refused): string {
  return `${since} ${by} ${unit.id}`;
}
