import { unwatchFile, watchFile } from 'node:fs';
import type { Tell } from '../announce/events.ts';
import { messageAndHint, UsageError } from '../errors.ts';
import { changedKeys } from '../settings/live-settings.ts';
import type { Settings } from '../settings/settings.ts';

export interface RestartOptions {
  readonly settings: Settings;
  /** Reads them as a start does. */
  readonly load: () => Promise<Settings>;
  readonly tell: Tell;
  /** How often the file is looked at, in ms. @default 5 s */
  readonly every?: number;
  readonly signal: AbortSignal;
}

/** What of the settings `announce` goes by. */
const OURS = /^(?:announce|sources|prefixes|stateDir|status|log)(?:\.|$)/;

/**
 * Tells where the settings file says something else than this process announces by: it takes none of that before a restart. By
 * looks at the file's date, since a partner is to be small.
 */
export function tellOfRestart({ settings, load, tell, every = 5_000, signal }: RestartOptions): void {
  const { configFile } = settings;
  if (configFile === null || signal.aborted) {
    return;
  }
  let told = '';
  const look = async () => {
    const next = await load().catch((error: unknown) => {
      if (error instanceof UsageError) {
        return error;
      }
      throw error;
    });
    const keys =
      next instanceof UsageError ? [] : changedKeys(settings, next).filter((key) => OURS.test(key));
    const message = next instanceof UsageError ? next.message : keys.join(', ');
    if (message === told) {
      return;
    }
    told = message;
    if (next instanceof UsageError) {
      tell({ kind: 'notice', ...messageAndHint(next) });
    } else if (keys.length > 0) {
      tell({ kind: 'notice', message: `the settings file changed, and needs a restart of this: ${message}` });
    }
  };
  watchFile(configFile, { interval: every, persistent: false }, () => void look());
  signal.addEventListener('abort', () => unwatchFile(configFile), { once: true });
}
