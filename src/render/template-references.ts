import type { NodeOf, TemplateNode } from './nunjucks.ts';
import { parseTemplate } from './parse-template.ts';
import { type Site, templateError } from './site.ts';
import { noSuchFile, resolveName } from './template-files.ts';
import type { TemplateSet } from './template-set.ts';
import { descendants } from './template-tree.ts';

/** One `include`, `import`, `from … import` or `extends` of a file. */
export interface Reference {
  readonly kind: 'include' | 'import' | 'extends';
  /** The files that it may mean; any of the folder where its name is only known while rendering. */
  readonly files: readonly string[] | 'any';
  /** The names of this file are visible in that one. */
  readonly shares: boolean;
  readonly node: TemplateNode;
}

/** A parsed file of the folder. */
export interface ParsedFile {
  readonly name: string;
  readonly root: NodeOf<'Root'>;
  readonly references: readonly Reference[];
}

/**
 * Parses the entry template and every file that it can come to. Files that nothing names are left alone: the
 * folder may hold other templates and other texts. Where a name is computed, every `.njk` file counts.
 * Throws a `TemplateError` for a syntax error or a file that is not there.
 */
export function parseReachable(set: TemplateSet): ReadonlyMap<string, ParsedFile> {
  const parsed = new Map<string, ParsedFile>();
  const waiting = [set.entry];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const text = set.files.get(name);
    if (text === undefined) {
      throw noSuchFile(name, { file: name, line: null, text: null }, set.files.keys());
    }
    if (!parsed.has(name)) {
      const file = parseFile(name, text, set);
      parsed.set(name, file);
      for (const one of file.references) {
        for (const candidate of candidates(one, set)) {
          waiting.push(candidate);
        }
      }
    }
  }
  return parsed;
}

/** The files that a template is made of, with those that it would take if they were there. */
export function usedBy(parsed: ReadonlyMap<string, ParsedFile>): {
  readonly names: ReadonlySet<string>;
  /** A name is only known while rendering: every `.njk` file counts. */
  readonly any: boolean;
} {
  const references = [...parsed.values()].flatMap((file) => file.references);
  const named = references.flatMap(({ files }) => (files === 'any' ? [] : files));
  return {
    names: new Set([...parsed.keys(), ...named]),
    any: references.some(({ files }) => files === 'any'),
  };
}

function candidates(reference: Reference, set: TemplateSet): readonly string[] {
  return reference.files === 'any'
    ? [...set.files.keys()].filter((name) => name.endsWith('.njk'))
    : reference.files.filter((name) => set.files.has(name));
}

function parseFile(name: string, text: string, set: TemplateSet): ParsedFile {
  const root = parseTemplate(name, text);
  const references = [...descendants(root)].flatMap((node) => referenceOf(node, name, set));
  return { name, root, references };
}

function referenceOf(node: TemplateNode, file: string, set: TemplateSet): Reference[] {
  switch (node.typename) {
    case 'Include': {
      const files = filesOf(node, file, set, node.ignoreMissing === true ? 'ignore' : 'refuse');
      return [{ kind: 'include', files, shares: true, node }];
    }
    case 'Extends':
      return [{ kind: 'extends', files: filesOf(node, file, set, 'refuse'), shares: true, node }];
    case 'Import':
    case 'FromImport': {
      const files = filesOf(node, file, set, 'refuse');
      return [{ kind: 'import', files, shares: node.withContext === true, node }];
    }
    default:
      return [];
  }
}

function filesOf(
  node: Extract<TemplateNode, { readonly template: TemplateNode }>,
  file: string,
  set: TemplateSet,
  missing: 'ignore' | 'refuse',
): readonly string[] | 'any' {
  const names = literals(node.template);
  const tag = node.typename === 'FromImport' ? 'from' : node.typename.toLowerCase();
  const site: Site = { file, line: node.lineno + 1, text: `{% ${tag} … %}` };
  if (names === 'any') {
    return 'any';
  }
  const paths = names.map((name) => resolveName(name, site));
  const gone = paths.find((path) => !set.files.has(path));
  if (gone !== undefined && missing === 'refuse') {
    throw noSuchFile(gone, site, set.files.keys());
  }
  return paths;
}

/** The texts that an expression can be, where that can be told from the template. */
function literals(node: TemplateNode): readonly string[] | 'any' {
  if (node.typename === 'Literal' && typeof node.value === 'string') {
    return [node.value];
  }
  if (node.typename === 'Group' && node.children.length === 1 && node.children[0] !== undefined) {
    return literals(node.children[0]);
  }
  if (node.typename === 'InlineIf' && node.else_ !== null) {
    const [yes, no] = [literals(node.body), literals(node.else_)];
    return yes === 'any' || no === 'any' ? 'any' : [...yes, ...no];
  }
  return 'any';
}

/** The error of a tag or name that is not allowed. */
export function refuse(file: string, node: TemplateNode, found: string, hint?: string): never {
  throw templateError({ file, line: node.lineno + 1, text: null }, found, { hint });
}
