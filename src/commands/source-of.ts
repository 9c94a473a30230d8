import { resolve } from 'node:path';
import type { Source } from '../ports/source.ts';
import type { Settings } from '../settings/settings.ts';
import { mergeSources } from '../sources/merge-sources.ts';
import { openSources } from '../sources/open-sources.ts';
import type { Io } from './io.ts';

/** The sources of the settings as one, or what `--from` names instead of them. */
export function sourceOf(io: Io, settings: Settings, from?: string): Source {
  const path = from === undefined || from === '-' ? from : resolve(io.cwd, from);
  return mergeSources(
    openSources(settings, { stdin: io.stdin, env: io.env, ...(path === undefined ? {} : { from: path }) }),
  );
}
