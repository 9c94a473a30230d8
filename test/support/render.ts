import { type CompiledTemplate, compileTemplate } from '../../src/render/compile-template.ts';
import type { RenderInput } from '../../src/render/context.ts';
import { catalogOf } from './catalog.ts';

export interface Given {
  /** Keys and values; objects become JSON. */
  readonly tree?: Record<string, string | object>;
  readonly vars?: Record<string, unknown>;
  readonly node?: RenderInput['node'];
  readonly haproxy?: RenderInput['haproxy'];
  /** Further files of the folder. */
  readonly files?: Record<string, string>;
}

/** A render input of a plain tree. */
export function inputOf(given: Given = {}): RenderInput {
  const catalog = catalogOf(given.tree ?? {});
  return {
    catalog,
    tree: catalog.tree,
    node: given.node ?? { hostname: 'host-1', env: { ZONE: 'a', EMPTY: '' } },
    haproxy: given.haproxy ?? {
      version: '2.6.12',
      statsSocket: '/run/haproxy/stats.sock',
      masterSocket: '/run/haproxy/master.sock',
      serverState: '',
    },
    vars: given.vars ?? {},
  };
}

/** Compiles `text` as the entry `main.njk` of a folder. */
export function compile(text: string, files: Record<string, string> = {}): CompiledTemplate {
  return compileTemplate({
    folder: '/templates',
    entry: 'main.njk',
    files: new Map(Object.entries({ 'main.njk': text, ...files })),
  });
}

/** Compiles and renders `text`. */
export async function render(text: string, given: Given = {}): Promise<string> {
  return compile(text, given.files).render(inputOf(given));
}

/** What is wrong with `text`, at load or while rendering: the message and the hint on a line each. */
export async function fault(text: string, given: Given = {}): Promise<string> {
  try {
    return `rendered: ${await render(text, given)}`;
  } catch (error) {
    const { name, message, hint } = error as Error & { hint?: string };
    return `${name === 'TemplateError' ? '' : `${name}: `}${message}${hint === undefined ? '' : `\n${hint}`}`;
  }
}
