import type { TemplateNode } from './nunjucks.ts';
import { type ParsedFile, refuse } from './template-references.ts';
import { childrenOf, descendants, parametersOf } from './template-tree.ts';

const IDENTIFIER = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;
const ASYNC: Readonly<Record<string, string>> = { AsyncEach: 'for', AsyncAll: 'for', IfAsync: 'if' };

/** Throws a `TemplateError` for what nunjucks' parser lets through and its compiler turns into nonsense. */
export function checkShape(file: ParsedFile): void {
  visit(file.name, file.root, 'top');
  const blocks = new Set<string>();
  for (const block of [...descendants(file.root)].filter((node) => node.typename === 'Block')) {
    if (blocks.has(block.name.value)) {
      refuse(file.name, block, `the block "${block.name.value}" is there twice`);
    }
    blocks.add(block.name.value);
  }
}

function visit(file: string, node: TemplateNode, place: 'top' | 'inside'): void {
  checkNode(file, node, place);
  const inner =
    node.typename === 'Root' || node.typename === 'NodeList' || node.typename === 'If' ? place : 'inside';
  for (const child of childrenOf(node)) {
    visit(file, child, inner);
  }
}

function checkNode(file: string, node: TemplateNode, place: 'top' | 'inside'): void {
  const plain = ASYNC[node.typename];
  if (plain !== undefined) {
    refuse(file, node, `nunjucks' asynchronous tags are left out`, `use {% ${plain} %}`);
  }
  switch (node.typename) {
    case 'Symbol':
      // Filters may be named `a.b`; nobody else's name holds a dot.
      if (!node.value.split('.').every((part) => IDENTIFIER.test(part))) {
        refuse(file, node, `"${node.value}" is no name`, 'write and, or, not; quote texts on both sides');
      }
      return;
    case 'Set':
      mustBeNames(file, node, node.targets, '{% set name = … %}');
      return;
    case 'For':
      mustBeNames(
        file,
        node,
        node.name.typename === 'Array' ? node.name.children : [node.name],
        '{% for name in … %}',
      );
      return;
    case 'Macro':
      mustBeNames(file, node, [node.name], '{% macro name(…) %}');
      mustBeNames(file, node, parametersOf(node), '{% macro name(a, b="c") %}');
      return;
    case 'Import':
      mustBeNames(file, node, [node.target], '{% import "file" as name %}');
      return;
    case 'Extends':
      if (place === 'inside') {
        refuse(file, node, '{% extends %} stands inside of another tag', 'put it first in the file');
      }
      return;
    default:
  }
}

function mustBeNames(file: string, node: TemplateNode, names: readonly TemplateNode[], form: string): void {
  if (!names.every((name) => name.typename === 'Symbol')) {
    refuse(file, node, 'a plain name is expected', `write ${form}`);
  }
}
