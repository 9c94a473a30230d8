import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import { type Emit, failureOf } from '../events.ts';
import type { LiveOptions } from '../reconcile/reconciler.ts';
import { differenceOf, withLive } from '../settings/live-settings.ts';
import { settingsPath } from '../settings/load-settings.ts';
import { secretsOf } from '../settings/redact-settings.ts';
import type { Settings } from '../settings/settings.ts';
import { type SettingsNews, SettingsWatch } from '../settings/settings-watch.ts';
import type { Observers } from '../status/observe.ts';
import { catalogOptions, paceOf } from './assemble.ts';
import type { CommonFlags, Io } from './io.ts';
import { settingsOf } from './open.ts';

/** Who takes settings while the daemon runs. */
export interface Takers {
  readonly reconciler: { follow(options: LiveOptions): void };
  readonly observers: Pick<Observers, 'followLog'>;
  /** Opens the sources anew by other settings. */
  readonly renewSources: (settings: Settings) => void;
  readonly emit: Emit;
}

/** The settings of a daemon, followed while it runs. */
export interface FollowedSettings extends AsyncDisposable {
  /** What nobody may read in a log: of the settings of now, and of all before. */
  readonly secrets: () => readonly string[];
  /** From now on whoever takes them is told what changed, and it is said. */
  tell(takers: Takers): void;
}

/**
 * Watches the settings that a daemon runs with. SIGHUP has them read at once; where stderr is a terminal, that signal is the end
 * of the terminal, and ends the daemon.
 */
export function followSettings(io: Io, flags: CommonFlags, running: Settings): FollowedSettings {
  const { env } = io;
  const watch = settingsWatch(io, flags, running);
  const secrets = new Set(secretsOf(running, env));
  const end = new AbortController();
  const signal = AbortSignal.any([io.signal, end.signal]);
  let following: Promise<void> = Promise.resolve();
  return {
    secrets: () => [...secrets].sort((a, b) => b.length - a.length),
    tell: (takers) => {
      const taking = new Taking(running, takers, (settings) => {
        for (const secret of secretsOf(settings, env)) {
          secrets.add(secret);
        }
      });
      following = (async () => {
        for await (const news of watch.news(signal)) {
          await taking.take(news);
        }
      })().catch((error: unknown) => takers.emit(failureOf('following the settings', error)));
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await following;
      await watch[Symbol.asyncDispose]();
    },
  };
}

/** What comes of the settings file of a process, and of SIGHUP. */
export function settingsWatch(io: Io, flags: CommonFlags, running: Settings): SettingsWatch {
  const { env, cwd } = io;
  const place = settingsPath({
    env,
    cwd,
    ...(flags.config === undefined ? {} : { configPath: flags.config }),
  });
  const load = async () => {
    const next = await settingsOf(io, flags);
    if (running.configFile !== null && next.configFile === null) {
      throw new UsageError(`reading ${running.configFile}: it is gone`);
    }
    return next;
  };
  const watch = new SettingsWatch({ path: running.configFile ?? place, load });
  if (!io.terminal) {
    io.onSignal(['SIGHUP'], () => watch.ask());
  }
  return watch;
}

/** What was taken of the settings so far. */
class Taking {
  readonly #running: Settings;
  readonly #takers: Takers;
  readonly #hide: (settings: Settings) => void;
  #inForce: Settings;
  #restart: readonly string[] = [];
  /** Why the file is refused; null where it is not. */
  #refused: string | null = null;

  constructor(running: Settings, takers: Takers, hide: (settings: Settings) => void) {
    this.#running = running;
    this.#inForce = running;
    this.#takers = takers;
    this.#hide = hide;
  }

  async take(news: SettingsNews): Promise<void> {
    const { emit } = this.#takers;
    if (news.kind === 'refused') {
      const { message, hint } = news.error;
      if (this.#refused !== message) {
        this.#refused = message;
        emit({ kind: 'settings-refused', message, ...(hint === undefined ? {} : { hint }) });
      }
      return;
    }
    if (this.#refused !== null) {
      this.#refused = null;
      emit({ kind: 'settings-mended' });
    }
    const { settings, cause } = news;
    const { live: applied } = differenceOf(this.#inForce, settings);
    const { restart } = differenceOf(this.#running, settings);
    const isNews = applied.length > 0 || !isDeepStrictEqual(restart, this.#restart);
    this.#restart = restart;
    this.#hide(settings);
    if (applied.length > 0) {
      await this.#apply(withLive(this.#running, settings));
    }
    if (isNews || cause === 'SIGHUP') {
      emit({ kind: 'settings-read', cause, applied, restart });
    }
  }

  async #apply(next: Settings): Promise<void> {
    const { reconciler, observers, renewSources } = this.#takers;
    const before = this.#inForce;
    this.#inForce = next;
    const differs = (of: (settings: Settings) => unknown) => !isDeepStrictEqual(of(before), of(next));
    if (differs(({ log }) => log)) {
      await observers.followLog(next.log);
    }
    const live: LiveOptions = {
      // Numbers of vars may be the same, and written otherwise.
      ...(differs(({ vars }) => JSON.stringify(vars)) ? { vars: next.vars } : {}),
      ...(differs(catalogOptions) ? { catalog: catalogOptions(next) } : {}),
      ...(differs(({ guard }) => guard) ? { rules: next.guard } : {}),
      ...(differs(paceOf) ? { pace: paceOf(next) } : {}),
      ...(differs(({ limits }) => limits.render) ? { renderLimit: next.limits.render } : {}),
    };
    if (Object.keys(live).length > 0) {
      reconciler.follow(live);
    }
    if (differs(({ limits: { keys, valueBytes, totalBytes } }) => [keys, valueBytes, totalBytes])) {
      renewSources(next);
    }
  }
}
