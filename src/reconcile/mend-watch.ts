import { rest } from '../ports/clock.ts';
import type { NamedFiles } from '../ports/named-files.ts';
import type { Parts } from './parts.ts';

/** Milliseconds between two looks, while something is refused. */
const LOOK = 500;

/**
 * While something is refused or set aside, looks at the files that the configuration names: a certificate that is mended is
 * seen at once, and not only at the next try. Runs until `signal` aborts.
 */
export async function watchMends(parts: Parts, files: NamedFiles, signal: AbortSignal): Promise<void> {
  const { executor, quarantine, served, mailbox } = parts;
  let before: ReadonlyMap<string, string> = new Map();
  while (!signal.aborted) {
    const texts = textsInTrouble(parts);
    const aside = new Set(served.refused.flatMap((one) => one.files ?? []));
    const now = texts.length === 0 ? new Map<string, string>() : await files.look(texts, [...aside]);
    if ([...now].some(([file, stamp]) => (before.get(file) ?? stamp) !== stamp)) {
      executor.troubles.clear();
      quarantine.retryNow();
      mailbox.post('a file that the configuration names changed');
    }
    before = now;
    await rest(LOOK, signal);
  }
}

/** The texts over whose files it may be refused; none where nothing is. */
function textsInTrouble({ executor, quarantine, drawing }: Parts): readonly string[] {
  if (!executor.troubles.isAny && !quarantine.isAside) {
    return [];
  }
  const texts = [drawing.drawn, executor.current.now.installed?.text];
  return texts.filter((text) => typeof text === 'string');
}
