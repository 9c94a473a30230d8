import type { z } from 'zod';
import type { settingsSchema } from './schema.ts';

type Checked = z.output<typeof settingsSchema>;

/**
 * The settings, checked and complete: defaults filled in, durations in milliseconds, paths absolute, prefixes
 * as lists without trailing slashes, `output.mode` as a number, `status.listen` as host and port.
 */
export interface Settings extends DeepReadonly<Checked> {
  /** The settings file that was read, or null where there is none. */
  readonly configFile: string | null;
}

/** One entry of `sources`. */
export type SourceSettings = Settings['sources'][number];
type DeepReadonly<T> = T extends readonly (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
