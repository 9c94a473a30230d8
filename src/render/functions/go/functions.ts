import { Fault } from '../../site.ts';
import { text } from '../arguments.ts';
import { STRING_FUNCTIONS } from '../strings.ts';
import { goEqual, goLess } from './compare.ts';
import { printed, sprint, sprintf, sprintln } from './format.ts';
import { entriesOf, fieldOf, indexOf, itemsOf, lengthOf, sliceOf } from './items.ts';
import { goJsonArray, goJsonObject, goToJson, parseGoJson } from './json.ts';
import { camelCase, goHtml, goJs, goUrlQuery, pluck, wordsOf } from './texts.ts';
import { goFloat, isTrue } from './values.ts';

/**
 * `go`: what Go's templates do and nunjucks does otherwise, for templates that come from confd. What may be missing may be
 * given to each of them.
 */
export const GO_FUNCTIONS = Object.freeze({
  /** What `{{ }}` of Go's prints. */
  text: printed,
  /** Whether `if` of Go's takes it for true. */
  truthy: isTrue,
  eq: (first: unknown, ...others: unknown[]) => goEqual(first, others),
  ne: (first: unknown, second: unknown) => !goEqual(first, [second]),
  lt: (first: unknown, second: unknown) => goLess(first, second, false),
  le: (first: unknown, second: unknown) => goLess(first, second, true),
  gt: (first: unknown, second: unknown) => !goLess(first, second, true),
  ge: (first: unknown, second: unknown) => !goLess(first, second, false),
  len: lengthOf,
  index: (value: unknown, ...indexes: unknown[]) => indexOf(value, indexes),
  slice: (value: unknown, ...indexes: unknown[]) => sliceOf(value, indexes),
  field: fieldOf,
  items: itemsOf,
  entries: entriesOf,
  print: (...values: unknown[]) => sprint(values),
  println: (...values: unknown[]) => sprintln(values),
  printf: (format: unknown, ...values: unknown[]) => sprintf(text(format, 'the format'), values),
  html: (...values: unknown[]) => goHtml(values),
  js: (...values: unknown[]) => goJs(values),
  urlquery: (...values: unknown[]) => goUrlQuery(values),
  json: goJsonObject,
  jsonArray: goJsonArray,
  fromJson: (value: unknown) => parseGoJson('fromJson', value),
  toJson: (value: unknown) => goToJson(value, ''),
  toPrettyJson: (value: unknown) => goToJson(value, '  '),
  /** A constant such as `1.0`. */
  float: (value: unknown) => goFloat(Number(value)),
  empty: (value: unknown) => !isTrue(value),
  indent: (spaces: unknown, value: unknown) => (value === '' ? '' : STRING_FUNCTIONS.indent(spaces, value)),
  nindent: (spaces: unknown, value: unknown) =>
    `\n${value === '' ? '' : STRING_FUNCTIONS.indent(spaces, value)}`,
  quote: (value: unknown) => `"${text(value, 'the text')}"`,
  squote: (value: unknown) => `'${text(value, 'the text')}'`,
  nospace: (value: unknown) => text(value, 'the text').replace(/\s+/g, ''),
  snakecase: (value: unknown) => wordsOf(text(value, 'the text')).join('_').toLowerCase(),
  kebabcase: (value: unknown) => wordsOf(text(value, 'the text')).join('-').toLowerCase(),
  camelcase: (value: unknown) => camelCase(text(value, 'the text')),
  pluck: (name: unknown, ...maps: unknown[]) => pluck(text(name, 'the name'), maps),
  /** What could not be translated: an error that says where it stood, what it was and what to do. */
  untranslated(place: unknown, original: unknown, reason: unknown): never {
    throw new Fault(`${String(place)}: ${String(original)} is not translated: ${String(reason)}`);
  },
});
