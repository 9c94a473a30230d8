import { LEFT_OUT } from '../../render/globals.ts';
import type { GoType } from './types.ts';

/** How a function of confd's is called here. */
interface Known {
  /** Its name here. */
  readonly name: string;
  readonly gives: GoType | ((args: readonly GoType[]) => GoType);
  /** Whether it reads keys: then it is the store's, where there is a prefix. */
  readonly isStore?: true;
  /** What may be missing may be given to it as it is (`missing`), or as none (`nil`); else it is an error, as in Go. */
  readonly takes?: 'missing' | 'nil';
}

const TEXTS: GoType = { list: 'string' };
const first = ([type]: readonly GoType[]): GoType => type ?? 'unknown';

/** Every function of confd's two families that gives the same for the same arguments, and of the builtin ones those that are calls here too. */
export const KNOWN_FUNCTIONS: Readonly<Record<string, Known>> = {
  exists: { name: 'exists', gives: 'bool', isStore: true },
  get: { name: 'get', gives: 'pair', isStore: true },
  getv: { name: 'getv', gives: 'string', isStore: true },
  gets: { name: 'gets', gives: { list: 'pair' }, isStore: true },
  getvs: { name: 'getvs', gives: TEXTS, isStore: true },
  ls: { name: 'ls', gives: TEXTS, isStore: true },
  lsdir: { name: 'lsdir', gives: TEXTS, isStore: true },
  base: { name: 'base', gives: 'string' },
  dir: { name: 'dir', gives: 'string' },
  split: { name: 'split', gives: TEXTS },
  join: { name: 'join', gives: 'string' },
  replace: { name: 'replace', gives: 'string' },
  trimPrefix: { name: 'trimPrefix', gives: 'string' },
  trimSuffix: { name: 'trimSuffix', gives: 'string' },
  contains: { name: 'contains', gives: 'bool' },
  toUpper: { name: 'toUpper', gives: 'string' },
  toLower: { name: 'toLower', gives: 'string' },
  repeat: { name: 'repeat', gives: 'string' },
  regexMatch: { name: 'regexMatch', gives: 'bool' },
  regexFind: { name: 'regexFind', gives: 'string' },
  regexReplaceAll: { name: 'regexReplaceAll', gives: 'string' },
  base64Encode: { name: 'base64Encode', gives: 'string' },
  base64Decode: { name: 'base64Decode', gives: 'string' },
  sha256sum: { name: 'sha256sum', gives: 'string' },
  parseBool: { name: 'parseBool', gives: 'bool' },
  atoi: { name: 'atoi', gives: 'int' },
  add: { name: 'add', gives: 'int' },
  sub: { name: 'sub', gives: 'int' },
  mul: { name: 'mul', gives: 'int' },
  div: { name: 'div', gives: 'int' },
  mod: { name: 'mod', gives: 'int' },
  seq: { name: 'seq', gives: { list: 'int' } },
  reverse: { name: 'reverse', gives: first, takes: 'nil' },
  sortByLength: { name: 'sortByLength', gives: TEXTS },
  sortKVByLength: { name: 'sortKVByLength', gives: { list: 'pair' } },
  map: { name: 'map', gives: 'map', takes: 'nil' },
  dict: { name: 'dict', gives: 'map', takes: 'nil' },
  list: { name: 'list', gives: { list: 'unknown' }, takes: 'nil' },
  append: { name: 'append', gives: { list: 'unknown' }, takes: 'nil' },
  hasKey: { name: 'hasKey', gives: 'bool' },
  keys: { name: 'keys', gives: TEXTS },
  values: { name: 'values', gives: { list: 'unknown' } },
  hostname: { name: 'hostname', gives: 'string' },
  default: { name: 'default', gives: 'unknown', takes: 'missing' },
  coalesce: { name: 'coalesce', gives: 'unknown', takes: 'missing' },
  ternary: { name: 'ternary', gives: ([a = 'unknown', b]) => (a === b ? a : 'unknown'), takes: 'nil' },
  json: { name: 'go.json', gives: 'map' },
  jsonArray: { name: 'go.jsonArray', gives: { list: 'unknown' } },
  fromJson: { name: 'go.fromJson', gives: 'unknown' },
  toJson: { name: 'go.toJson', gives: 'string', takes: 'missing' },
  toPrettyJson: { name: 'go.toPrettyJson', gives: 'string', takes: 'missing' },
  empty: { name: 'go.empty', gives: 'bool', takes: 'missing' },
  indent: { name: 'go.indent', gives: 'string' },
  nindent: { name: 'go.nindent', gives: 'string' },
  quote: { name: 'go.quote', gives: 'string' },
  squote: { name: 'go.squote', gives: 'string' },
  nospace: { name: 'go.nospace', gives: 'string' },
  snakecase: { name: 'go.snakecase', gives: 'string' },
  camelcase: { name: 'go.camelcase', gives: 'string' },
  kebabcase: { name: 'go.kebabcase', gives: 'string' },
  pluck: { name: 'go.pluck', gives: { list: 'unknown' } },
  len: { name: 'go.len', gives: 'int', takes: 'missing' },
  slice: { name: 'go.slice', gives: first, takes: 'missing' },
  println: { name: 'go.println', gives: 'string', takes: 'missing' },
  html: { name: 'go.html', gives: 'string', takes: 'missing' },
  js: { name: 'go.js', gives: 'string', takes: 'missing' },
  urlquery: { name: 'go.urlquery', gives: 'string', takes: 'missing' },
};

/** The names that a translated template calls: no variable of it may hide them. */
export const CALLED_NAMES: ReadonlySet<string> = new Set([
  ...Object.values(KNOWN_FUNCTIONS).map(({ name }) => name.split('.')[0] ?? name),
  'getenv',
  'storeBelow',
]);

const SECRET =
  'values are not encrypted here: keep the secret in a file that HAProxy reads, or in a variable of node.env';

/** Functions that have no translation, and what to do instead. */
export const UNTRANSLATED_FUNCTIONS: Readonly<Record<string, string>> = {
  ...LEFT_OUT,
  cget: SECRET,
  cgets: SECRET,
  cgetv: SECRET,
  cgetvs: SECRET,
  include:
    'the file is a template of its own: migrate it as one, and write {% include "name.njk" %} in its place',
  call: 'there are no functions among the values of a template',
};
