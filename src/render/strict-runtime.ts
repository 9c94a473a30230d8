import { WrittenNumber } from '../model/written-number.ts';
import type { MemoCache } from './memo-cache.ts';
import { type AnyFunction, type Environment, type Frame, internals } from './nunjucks.ts';
import { Fault, located, type Site, templateError } from './site.ts';
import { LONGEST_TEXT } from './sizes.ts';
import { type IsClosed, member, memberOrNothing } from './strict-lookup.ts';
import * as operators from './strict-operators.ts';
import type { TemplateContext } from './template-context.ts';
import { exportsOf, type Files, findFile, includeFile, mustFindFile } from './template-files.ts';
import { describe, isPlainObject, textOf, unwrap } from './values.ts';

const { runtime } = internals;
/** Filters that make something of null; for any other, null is a value that was forgotten. */
const TAKE_NULL = new Set(['default', 'd', 'dump']);

/** All macros there are: they are the functions that know named arguments. */
const MACROS = new WeakSet<AnyFunction>();

/** Where a render is: the last call of a function or filter, or the last loop. For one that is ended from outside. */
const CALLING: { site: Site } = { site: { file: '', line: null, text: null } };

export interface RuntimeParts {
  readonly files: Files;
  readonly memos: MemoCache;
  readonly isClosed: IsClosed;
  /** True for objects that never change: only what is made of these is remembered by memo. */
  readonly isStable: (value: object) => boolean;
}

/** What the code of compiled templates calls. Every method throws a `TemplateError` that names its place. */
export function createRuntime(parts: RuntimeParts) {
  return {
    ...values(parts),
    ...statements(parts),
    calling: CALLING,
    located,
    Frame: runtime.Frame,
    SafeString: runtime.SafeString,
    makeMacro: strictMacro,
    makeKeywordArgs: runtime.makeKeywordArgs,
    contextOrFrameLookup: runtime.contextOrFrameLookup,
    fromIterator: runtime.fromIterator,
    isArray: runtime.isArray,
    keys: runtime.keys,
  };
}

function values({ isClosed }: RuntimeParts) {
  return {
    known(value: unknown, site: Site): unknown {
      if (value === undefined) {
        throw templateError(site, 'has no value here', {
          hint: `where it may be missing, write \`${site.text} is defined\` or \`${site.text} | default(…)\``,
        });
      }
      return value;
    },
    member(target: unknown, key: unknown, site: Site): unknown {
      try {
        return member(target, key, site);
      } catch (error) {
        throw located(error, site);
      }
    },
    memberOrNothing: (target: unknown, key: unknown, site: Site) =>
      at(site, () => memberOrNothing(target, key, site, isClosed)),
    call(fn: unknown, site: Site, context: TemplateContext, args: readonly unknown[]): unknown {
      return result(callNamed(fn, site, context, args), site);
    },
    callOrNothing: callNamed,
    filter(fn: AnyFunction, site: Site, context: TemplateContext, args: readonly unknown[], name: string) {
      return result(callFilter(fn, site, context, args, name), site);
    },
    filterOrNothing: callFilter,
    test(fn: AnyFunction, site: Site, context: TemplateContext, args: readonly unknown[]): boolean {
      const plain = args.map((arg) => (arg instanceof WrittenNumber ? unwrap(arg) : arg));
      return at(site, () => fn.apply(context, plain) === true);
    },
    text(value: unknown, site: Site): string {
      return typeof value === 'string' ? value : at(site, () => textOf(value));
    },
    add: (a: unknown, b: unknown, site: Site) => at(site, () => operators.add(a, b)),
    concat: (a: unknown, b: unknown, site: Site) => at(site, () => operators.concat(a, b)),
    arithmetic: (op: Parameters<typeof operators.arithmetic>[0], a: unknown, b: unknown, site: Site) =>
      at(site, () => operators.arithmetic(op, a, b)),
    sign: (op: '-' | '+', value: unknown, site: Site) => at(site, () => operators.sign(op, value)),
    equal: (op: string, a: unknown, b: unknown) => operators.equal(op, a, b),
    order: (op: Parameters<typeof operators.order>[0], a: unknown, b: unknown, site: Site) =>
      at(site, () => operators.order(op, a, b)),
    within: (a: unknown, b: unknown, site: Site) => at(site, () => operators.within(a, b)),
    iterate(value: unknown, names: number, site: Site): unknown {
      CALLING.site = site;
      return at(site, () => iterate(value, names));
    },
  };
}

function statements({ files, memos, isStable }: RuntimeParts) {
  return {
    block(env: Environment, context: TemplateContext, frame: Frame, name: string, site: Site): string {
      const block = context.getBlock(name);
      if (block === undefined) {
        throw templateError(site, 'there is no such block');
      }
      return block(env, context, frame, this);
    },
    superBlock(
      env: Environment,
      context: TemplateContext,
      frame: Frame,
      name: string,
      block: AnyFunction,
      site: Site,
    ) {
      const above = context.getSuper(name, block as never);
      if (above === undefined) {
        throw templateError(site, `block "${name}" replaces no other block`);
      }
      return new runtime.SafeString(above(env, context, frame, this));
    },
    include(
      name: unknown,
      missing: 'ignore' | 'refuse',
      context: TemplateContext,
      frame: Frame,
      site: Site,
    ): string {
      const file = missing === 'ignore' ? findFile(files, name, site) : mustFindFile(files, name, site);
      return file === undefined ? '' : at(site, () => includeFile(file, context, frame, this));
    },
    extend(name: unknown, context: TemplateContext, site: Site): unknown {
      const file = mustFindFile(files, name, site);
      context.addBlocks(file.blocks);
      return file;
    },
    importFile(
      name: unknown,
      context: TemplateContext,
      from: TemplateContext | null,
      frame: Frame | null,
      site: Site,
    ) {
      const file = mustFindFile(files, name, site);
      return at(site, () => exportsOf(file, context, { from, frame }, this));
    },
    exported(module: Readonly<Record<string, unknown>>, name: string, site: Site): unknown {
      if (!Object.hasOwn(module, name)) {
        throw templateError(site, `that template has no "${name}" at its top level`);
      }
      return module[name];
    },
    memo(key: unknown, _context: TemplateContext, site: Site, body: (key: object) => string): string {
      if (typeof key !== 'object' || key === null) {
        throw templateError(site, `memo is for a service or an instance, not for ${describe(key)}`);
      }
      const known = memos.get(key, site);
      if (known !== undefined) {
        return known;
      }
      const text = body(key);
      if (isStable(key)) {
        memos.set(key, site, text);
      }
      return text;
    },
  };
}

function at<T>(site: Site, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw located(error, site);
  }
}

/** Only macros have named arguments; any other function would take them for an object. */
function callNamed(fn: unknown, site: Site, context: TemplateContext, args: readonly unknown[]): unknown {
  const last = args.at(-1);
  if (typeof last === 'object' && last !== null && '__keywords' in last && !MACROS.has(fn as AnyFunction)) {
    throw templateError(site, 'only macros have named arguments', {
      hint: 'write the values in their order',
    });
  }
  return callFunction(fn, site, context, args);
}

function callFunction(fn: unknown, site: Site, context: TemplateContext, args: readonly unknown[]): unknown {
  if (typeof fn !== 'function') {
    throw templateError(site, `cannot call ${describe(fn)}`);
  }
  CALLING.site = site;
  try {
    return fn.apply(context, args);
  } catch (error) {
    throw located(error, site);
  }
}

function callFilter(
  fn: AnyFunction,
  site: Site,
  context: TemplateContext,
  args: readonly unknown[],
  name: string,
): unknown {
  if (args[0] === null && !TAKE_NULL.has(name)) {
    throw templateError(site, `null goes into the filter "${name}"`, {
      hint: 'test it first ({% if … %}), or give a value for it: … | default("…")',
    });
  }
  return callFunction(fn, site, context, args);
}

/** What calls and filters give must be something. The text `[object Object]` is never meant. */
function result(value: unknown, site: Site): unknown {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) {
    throw templateError(site, value === undefined ? 'gives nothing' : 'gives no number', {
      hint: `where that may be, write \`${site.text} | default(…)\``,
    });
  }
  if (typeof value === 'string' && value.length > LONGEST_TEXT) {
    throw templateError(site, `gives a text of ${value.length} characters, more than ${LONGEST_TEXT}`);
  }
  if (typeof value === 'string' && value.includes('[object Object]')) {
    throw templateError(site, 'an object became text', { hint: 'name one of its fields' });
  }
  return value;
}

function iterate(value: unknown, names: number): unknown {
  const items = value instanceof Map || value instanceof Set ? [...value] : value;
  if (!Array.isArray(items)) {
    if (!isPlainObject(items)) {
      throw new Fault(`a loop runs over a list or an object, not over ${describe(items)}`);
    }
    if (names !== 2) {
      throw new Fault('a loop over an object takes two names', 'write {% for key, value in … %}');
    }
    // Read here, where it is known which loop it is: a value may refuse to be read.
    Object.values(items);
    return items;
  }
  if (names > 1 && !items.every((item) => Array.isArray(item) && item.length >= names)) {
    throw new Fault(`the loop takes ${names} names, but not every item is a list of ${names}`);
  }
  return items;
}

/** Macros as nunjucks makes them, but with arguments that they do not know refused. */
function strictMacro(names: string[], keywords: string[], body: AnyFunction): AnyFunction {
  const macro = runtime.makeMacro(names, keywords, body);
  const known = new Set([...names, ...keywords, 'caller', '__keywords']);
  const strict: AnyFunction = function (...args) {
    const last = args.at(-1);
    const named = isPlainObject(last) && Object.hasOwn(last, '__keywords') ? last : {};
    const wrong = Object.keys(named).find((name) => !known.has(name));
    const count = args.length - (named === last ? 1 : 0);
    if (wrong !== undefined) {
      throw new Fault(`the macro has no argument "${wrong}"`);
    }
    if (count > names.length + keywords.length) {
      throw new Fault(`the macro takes ${names.length + keywords.length} arguments, not ${count}`);
    }
    return macro.apply(this, args);
  };
  MACROS.add(strict);
  return strict;
}
