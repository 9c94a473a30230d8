import { UsageError } from '../../errors.ts';
import { readToml, tableOf, wordOf, wordsOf } from './read-toml.ts';

/** A template resource of confd's: one file of `conf.d`. */
export interface Resource {
  /** The file that it stands in, relative to the folder of confd. */
  readonly file: string;
  readonly src: string;
  readonly dest: string;
  readonly keys: readonly string[];
  /** As it is written, without what `confd.toml` adds. */
  readonly prefix: string;
  readonly mode: string | undefined;
  readonly owner: string | undefined;
  readonly group: string | undefined;
  readonly checkCommand: string | undefined;
  readonly reloadCommand: string | undefined;
  readonly minReloadInterval: string | undefined;
  readonly debounce: string | undefined;
  /** Keys that mean nothing here, as `name = value`. */
  readonly others: readonly string[];
}

const KNOWN = new Set(
  'src dest keys prefix mode owner uid group gid check_cmd reload_cmd min_reload_interval debounce'.split(
    ' ',
  ),
);

/** Reads a file of `conf.d`. Throws a `UsageError`. */
export function readResource(file: string, text: string): Resource {
  const whole = readToml(file, text);
  const table = tableOf(whole.template);
  const src = wordOf(table.src);
  const dest = wordOf(table.dest);
  if (src === undefined || dest === undefined || src === '' || dest === '') {
    throw new UsageError(`reading ${file}: [template] names no ${src ? 'dest' : 'src'}`, {
      hint: 'A resource of confd has both; a file that is none does not belong into conf.d.',
    });
  }
  // confd: -1 is whoever it runs as.
  const id = (value: unknown) => (wordOf(value) === '-1' ? undefined : wordOf(value));
  const others = [
    ...Object.entries(table).filter(([name]) => !KNOWN.has(name)),
    ...Object.entries(whole).filter(([name]) => name !== 'template'),
  ].map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return {
    file,
    src,
    dest,
    keys: wordsOf(table.keys),
    prefix: wordOf(table.prefix) ?? '',
    mode: wordOf(table.mode),
    owner: id(table.uid) ?? wordOf(table.owner),
    group: id(table.gid) ?? wordOf(table.group),
    checkCommand: wordOf(table.check_cmd),
    reloadCommand: wordOf(table.reload_cmd),
    minReloadInterval: wordOf(table.min_reload_interval),
    debounce: wordOf(table.debounce),
    others,
  };
}

/** Whether a resource is HAProxy's configuration: by its file, else by its commands. */
export function isHaproxy({ dest, checkCommand = '', reloadCommand = '' }: Resource): boolean {
  return (
    /haproxy[^/]*\.(?:cfg|conf)$/.test(dest) ||
    /haproxy.*\s-c\b|\breload haproxy\b|haproxy.*\s-sf\b/.test(`${checkCommand}\n${reloadCommand}`)
  );
}
