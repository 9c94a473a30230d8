import { didYouMean } from '../model/nearest-names.ts';
import { insteadOf } from './foreign-words.ts';
import { GLOBAL_NAMES, LEFT_OUT } from './globals.ts';
import { internals } from './nunjucks.ts';
import { templateError } from './site.ts';
import type { ParsedFile, Reference } from './template-references.ts';
import { type FreeName, type Scopes, scopesOf } from './template-scopes.ts';

const FILTERS: ReadonlySet<string> = new Set(Object.keys(new internals.Environment([], {}).filters));

/** A parsed file with its names, and those that other files bring into it. */
export interface NamedFile extends ParsedFile {
  readonly scopes: Scopes;
  /** The files whose names are visible in this one. */
  readonly givers: readonly string[];
  /** Names that files which include, extend or are extended by this one may have given a value. */
  readonly inherited: ReadonlySet<string>;
  /** Those of them that were given at the top of their file. */
  readonly inheritedTop: ReadonlySet<string>;
}

/** Says of every file which names it sees. */
export function nameFiles(files: ReadonlyMap<string, ParsedFile>): ReadonlyMap<string, NamedFile> {
  const scopes = new Map([...files].map(([name, file]) => [name, scopesOf(file.root)]));
  const givers = giversOf(files);
  return new Map(
    [...files].map(([name, file]) => {
      const all = [...reachableFrom(name, givers)].filter((other) => other !== name);
      const from = all.flatMap((other) => scopes.get(other) ?? []);
      const inherited = new Set(from.flatMap((one) => [...one.all]));
      const inheritedTop = new Set(from.flatMap((one) => [...one.top]));
      return [
        name,
        { ...file, scopes: scopes.get(name) ?? scopesOf(file.root), givers: all, inherited, inheritedTop },
      ];
    }),
  );
}

/** Throws a `TemplateError` for names that nothing gives a value, whether or not the line is ever rendered. */
export function checkNames(files: ReadonlyMap<string, NamedFile>): void {
  for (const file of files.values()) {
    const unknown = file.scopes.free.filter(
      ({ name }) => !file.inherited.has(name) && !GLOBAL_NAMES.has(name),
    );
    if (unknown.length > 0) {
      throw unknownNames(file, unknown);
    }
  }
}

function unknownNames(file: NamedFile, unknown: readonly FreeName[]): Error {
  const [first] = unknown;
  const name = first?.name ?? '';
  const known = [...GLOBAL_NAMES, ...file.scopes.all, ...file.inherited];
  const places = new Map<string, number>();
  for (const one of unknown) {
    places.set(one.name, places.get(one.name) ?? one.node.lineno + 1);
  }
  const others = [...places].slice(1, 6).map(([other, line]) => `"${other}" (line ${line})`);
  const leftOut = Object.hasOwn(LEFT_OUT, name) ? LEFT_OUT[name] : undefined;
  const found =
    leftOut !== undefined
      ? `${name} of confd is left out`
      : file.scopes.all.has(name)
        ? `"${name}" has no value here: it is given one inside a loop, a block or a macro only`
        : `there is no "${name}"`;
  return templateError(
    { file: file.name, line: (first?.node.lineno ?? 0) + 1, text: null },
    found + (others.length > 0 ? `, nor ${others.join(', ')}` : ''),
    {
      hint:
        leftOut ??
        unknown.map((one) => insteadOf(one.name)).find((hint) => hint !== undefined) ??
        (FILTERS.has(name) ? `it is a filter here: x | ${name}` : undefined) ??
        didYouMean(
          name,
          known.filter((one) => one !== name),
        ),
    },
  );
}

/** For each file those whose names are visible in it. */
function giversOf(files: ReadonlyMap<string, ParsedFile>): Map<string, Set<string>> {
  const givers = new Map([...files.keys()].map((name) => [name, new Set<string>()]));
  for (const file of files.values()) {
    for (const reference of file.references.filter((one) => one.shares)) {
      for (const target of targetsOf(reference, files)) {
        givers.get(target)?.add(file.name);
        if (reference.kind === 'extends') {
          givers.get(file.name)?.add(target);
        }
      }
    }
  }
  return givers;
}

function targetsOf(reference: Reference, files: ReadonlyMap<string, ParsedFile>): Iterable<string> {
  return reference.files === 'any' ? files.keys() : reference.files;
}

function reachableFrom(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const seen = new Set<string>();
  const waiting = [...(edges.get(start) ?? [])];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (!seen.has(name)) {
      seen.add(name);
      for (const next of edges.get(name) ?? []) {
        waiting.push(next);
      }
    }
  }
  return seen;
}
