import type { Emit } from '../events.ts';
import { otherBranch } from '../plan/haproxy-branch.ts';

export interface BranchWatchOptions {
  /** The full version of the HAProxy that judges, now; null where that is not known. Never rejects. */
  readonly judge: () => Promise<string | null>;
  readonly emit: Emit;
}

/**
 * A listener that tells which HAProxy judges (`judged-by`): at the start, and whenever another version runs than before,
 * since both may have been upgraded.
 */
export function watchBranches({ judge, emit }: BranchWatchOptions): Emit {
  let running: string | null = null;
  const tell = async () => {
    const version = await judge();
    emit({ kind: 'judged-by', version, trouble: otherBranch(running, version) });
  };
  return (event) => {
    if (event.kind === 'starting') {
      void tell();
    }
    if (event.kind !== 'haproxy-appeared' && event.kind !== 'haproxy-changed') {
      return;
    }
    const version = event.state.kind === 'running' ? event.state.version : null;
    if (version === null || version === running) {
      return;
    }
    running = version;
    void tell();
  };
}
