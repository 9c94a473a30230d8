import { isDeepStrictEqual } from 'node:util';
import type { Tell } from '../announce/events.ts';
import { asError } from '../errors.ts';
import { changedKeys } from '../settings/live-settings.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { settingsWatch } from './follow-settings.ts';
import type { CommonFlags, Io } from './io.ts';

/** What `sync` takes of the settings while it runs, and what of them needs a restart. */
const LIVE = /^(?:guard|log)(?:\.|$)/;
const RESTART =
  /^(?:sync|sources|prefixes|addresses|limits|stateDir)(?:\.|$)|^(?:announce\.adopt|status\.hosts)$/;

/** Who takes them. */
export interface SyncTaker {
  /** From now on these; called where something that is live is another one. */
  readonly take: (settings: Settings) => void;
  readonly tell: Tell;
}

/** Follows the settings of a `sync` as the daemon follows its own. */
export function followSync(
  io: Io,
  flags: CommonFlags,
  { running, take, tell }: SyncTaker & { readonly running: Settings },
): AsyncDisposable {
  const watch = settingsWatch(io, flags, running);
  const end = new AbortController();
  const signal = AbortSignal.any([io.signal, end.signal]);
  let inForce = running;
  let [refused, restart]: [string | null, readonly string[]] = [null, []];
  const follow = async () => {
    for await (const news of watch.news(signal)) {
      if (news.kind === 'refused') {
        const { message, hint } = news.error;
        if (refused !== message) {
          tell({ kind: 'settings-refused', message, ...(hint === undefined ? {} : { hint }) });
        }
        refused = message;
        continue;
      }
      if (refused !== null) {
        refused = null;
        tell({ kind: 'settings-mended' });
      }
      const { settings, cause } = news;
      io.hide(secretsOf(settings, io.env));
      const applied = changedKeys(inForce, settings).filter((key) => LIVE.test(key));
      const needed = changedKeys(running, settings).filter((key) => RESTART.test(key));
      const isNews = applied.length > 0 || !isDeepStrictEqual(needed, restart);
      restart = needed;
      if (applied.length > 0) {
        inForce = { ...running, guard: settings.guard, log: settings.log };
        take(inForce);
      }
      if (isNews || cause === 'SIGHUP') {
        tell({ kind: 'settings-read', cause, applied, restart });
      }
    }
  };
  const following = follow().catch((error: unknown) => {
    tell({ kind: 'notice', message: `following the settings: ${asError(error).message}` });
  });
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await following;
      await watch[Symbol.asyncDispose]();
    },
  };
}
