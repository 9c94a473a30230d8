import path from 'node:path';

/** What of a `.cpuprofile` is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** Microseconds. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function and its milliseconds. */
export interface Top {
  readonly name: string;
  readonly ms: number;
}

/** Sums a stretch of a profile by function: by what each did itself, and by all that it called as well. */
export function topOf(
  profile: CpuProfile,
  stretch: { readonly from: number; readonly to: number },
): { readonly self: readonly Top[]; readonly whole: readonly Top[]; readonly busy: number } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) {
    for (const child of children) {
      parents.set(child, id);
    }
  }
  const nameOf = (id: number) => {
    const frame = nodes.get(id)?.callFrame;
    if (!frame) {
      return '?';
    }
    const file = frame.url.replace(/^.*?\/(?=dist\/|node_modules\/)|^file:\/\//, '');
    const place =
      frame.url === ''
        ? ''
        : ` ${path.basename(path.dirname(file))}/${path.basename(file)}:${frame.lineNumber + 1}`;
    return `${frame.functionName || '(anonymous)'}${place}`;
  };
  const self = new Map<string, number>();
  const whole = new Map<string, number>();
  const add = (sums: Map<string, number>, name: string, us: number) =>
    sums.set(name, (sums.get(name) ?? 0) + us);
  let at = profile.startTime;
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index + 1] ?? 0;
    at += profile.timeDeltas[index] ?? 0;
    if (at < stretch.from || at > stretch.to) {
      continue;
    }
    const name = nameOf(id);
    if (name === '(idle)' || name === '(program)') {
      add(self, name, us);
      continue;
    }
    busy += us;
    add(self, name, us);
    const seen = new Set<string>();
    for (let one: number | undefined = id; one !== undefined; one = parents.get(one)) {
      seen.add(nameOf(one));
    }
    for (const each of seen) {
      add(whole, each, us);
    }
  }
  return { self: sorted(self), whole: sorted(whole), busy: busy / 1000 };
}

function sorted(sums: ReadonlyMap<string, number>): readonly Top[] {
  return [...sums].map(([name, us]) => ({ name, ms: Math.round(us / 100) / 10 })).sort((a, b) => b.ms - a.ms);
}
