import type { NamedFile } from './check-names.ts';
import { PURE_FUNCTIONS, SETTING_NAMES } from './globals.ts';
import type { MacroNode, NodeOf, TemplateNode } from './nunjucks.ts';
import { refuse } from './template-references.ts';
import { definitionsOf, type FreeName, scopesOf } from './template-scopes.ts';
import { descendants, isSuper, nameOf, parametersOf } from './template-tree.ts';

const ALLOWED: ReadonlySet<string> = new Set([...SETTING_NAMES, ...Object.keys(PURE_FUNCTIONS)]);
const REFUSED_TAGS: Readonly<Record<string, string>> = {
  Include: 'include',
  Extends: 'extends',
  Block: 'block',
  Import: 'import',
  FromImport: 'from',
  Macro: 'macro',
};
const HINT =
  'a memo may use its own object, vars, node, haproxy, names set inside it, and macros that do the same';

/**
 * Throws a `TemplateError` where the body of a `{% memo %}` uses something that could change while its object
 * stays the same: then what it remembers would be wrong.
 */
export function checkMemos(files: ReadonlyMap<string, NamedFile>): void {
  for (const file of files.values()) {
    for (const { node, around } of file.scopes.memos) {
      checkMemo({ files, memo: node, seen: new Set() }, file, around);
    }
  }
}

interface Check {
  readonly files: ReadonlyMap<string, NamedFile>;
  readonly memo: NodeOf<'Memo'>;
  /** Macros that were checked, or are being checked. */
  readonly seen: Set<TemplateNode>;
}

function checkMemo(check: Check, file: NamedFile, around: ReadonlySet<string>): void {
  const { key, body } = check.memo;
  if (key.typename !== 'Symbol') {
    refuse(file.name, check.memo, 'memo takes one name: {% memo service %}');
  }
  for (const node of descendants(body)) {
    checkTag(file, node);
  }
  for (const use of scopesOf(body, [key.value]).free) {
    checkUse(check, file, use, around);
  }
}

function checkTag(file: NamedFile, node: TemplateNode): void {
  const tag = REFUSED_TAGS[node.typename];
  if (tag !== undefined) {
    refuse(file.name, node, `{% ${tag} %} stands inside of a memo`, HINT);
  }
  if (node.typename === 'FunCall' && isSuper(node)) {
    refuse(file.name, node, 'super() stands inside of a memo', HINT);
  }
}

/** `around`: the names that loops and macros around the memo give a value, which hide any other meaning. */
function checkUse(check: Check, file: NamedFile, use: FreeName, around: ReadonlySet<string>): void {
  const definition = around.has(use.name) ? undefined : definitionsOf(file.root).get(use.name);
  if (definition !== undefined && definition !== null) {
    checkDefinition(check, file, use, definition);
    for (const giver of file.givers.flatMap((name) => check.files.get(name) ?? [])) {
      checkOther(check, giver, use);
    }
    return;
  }
  const hidden = around.has(use.name) || file.scopes.top.has(use.name) || file.inheritedTop.has(use.name);
  if (hidden || !ALLOWED.has(use.name)) {
    const where = `the memo of line ${check.memo.lineno + 1}`;
    refuse(file.name, use.node, `"${use.name}" is used inside of ${where}`, HINT);
  }
}

/** A file in the same chain of `extends` may give the name another macro: that one must keep the rule too. */
function checkOther(check: Check, file: NamedFile, use: FreeName): void {
  const definition = definitionsOf(file.root).get(use.name);
  if (definition !== undefined && definition !== null) {
    checkDefinition(check, file, use, definition);
  } else if (file.scopes.top.has(use.name)) {
    refuse(
      file.name,
      use.node,
      `"${use.name}" is used inside of a memo, and has more than one meaning`,
      HINT,
    );
  }
}

function checkDefinition(check: Check, file: NamedFile, use: FreeName, definition: TemplateNode): void {
  if (definition.typename === 'Macro') {
    checkMacro(check, file, definition);
    return;
  }
  if (definition.typename !== 'Import' && definition.typename !== 'FromImport') {
    refuse(file.name, use.node, `"${use.name}", a variable from outside, is used inside of a memo`, HINT);
  }
  const reference = file.references.find((one) => one.node === definition);
  const target = reference?.files === 'any' ? undefined : check.files.get(reference?.files[0] ?? '');
  const name = definition.typename === 'Import' ? use.member : originalName(definition, use.name);
  const macro = target === undefined || name === null ? undefined : definitionsOf(target.root).get(name);
  if (target === undefined || macro?.typename !== 'Macro' || reference?.files.length !== 1) {
    refuse(
      file.name,
      use.node,
      `"${use.name}" is used inside of a memo, and is no macro that can be looked into`,
      HINT,
    );
  }
  checkMacro(check, target, macro);
}

function checkMacro(check: Check, file: NamedFile, macro: MacroNode): void {
  if (check.seen.has(macro)) {
    return;
  }
  check.seen.add(macro);
  const names = [...parametersOf(macro).map(nameOf), 'caller'];
  const defaults = macro.args.children.filter((one) => one.typename === 'KeywordArgs');
  for (const use of [macro.body, ...defaults].flatMap((part) => scopesOf(part, names).free)) {
    checkUse(check, file, use, new Set());
  }
}

function originalName(node: NodeOf<'FromImport'>, alias: string): string | null {
  for (const name of node.names.children) {
    const [from, to] = name.typename === 'Pair' ? [name.key, name.value] : [name, name];
    if (to.typename === 'Symbol' && to.value === alias) {
      return String(from.value);
    }
  }
  return null;
}
