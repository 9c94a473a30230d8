import { parseAst } from 'vitest/node';
import type { SourceFile } from './source-file.ts';

/**
 * Calls whose number of arguments is decided by a list, as `path: expression`: `f(...list)`, `new F(...list)`,
 * `f.apply(me, list)`. A list of some 100,000 items there ends the process: the stack is full.
 */
export function spreadCalls(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const found: string[] = [];
    walk(parseAst(text, { lang: 'ts' }), (node) => {
      if (isSpreadCall(node)) {
        found.push(`${path}: ${text.slice(node.start, node.end).replace(/\s+/g, ' ')}`);
      }
    });
    return found;
  });
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

function isSpreadCall(node: Node): boolean {
  if (node.type !== 'CallExpression' && node.type !== 'NewExpression') {
    return false;
  }
  const given = nodesOf(node.arguments);
  if (given.some(({ type }) => type === 'SpreadElement')) {
    return true;
  }
  const [callee] = nodesOf([node.callee]);
  if (callee?.type !== 'MemberExpression') {
    return false;
  }
  const parts = nodesOf([callee.object, callee.property]);
  const names = parts.map(({ type, name, value }) => (type === 'PrivateIdentifier' ? null : (name ?? value)));
  if (names[0] === 'Reflect' && (names[1] === 'apply' || names[1] === 'construct')) {
    return true;
  }
  return names[1] === 'apply' && given.length === 2;
}

function nodesOf(value: unknown): Node[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one): one is Node => typeof one === 'object' && one !== null && 'type' in one);
}

/** By a list of its own: an expression may be nested as deeply as it likes. */
function walk(root: unknown, visit: (node: Node) => void): void {
  const waiting = nodesOf(root);
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    visit(node);
    for (const field of Object.values(node)) {
      for (const child of nodesOf(field)) {
        waiting.push(child);
      }
    }
  }
}
