import { emit } from './compile-expressions.ts';
import { type StrictCompiler, siteOf } from './compiler-state.ts';
import { type Frame, internals, type NodeOf, type TemplateNode } from './nunjucks.ts';
import { descendants } from './template-tree.ts';

/** Stands around what a loop runs over. A kind of Group, so that nunjucks takes it for an expression. */
const Iterated = internals.nodes.Group.extend('Iterated', {});

/** How tags are compiled; methods for a subclass of nunjucks' Compiler. */
export const STATEMENTS = {
  compileRoot(this: StrictCompiler, node: NodeOf<'Root'>) {
    emitFunction(this, 'root', () => {
      this._emitLine('var parentTemplate = null;');
      const frame = new internals.runtime.Frame();
      for (const child of node.children) {
        this.compile(child, frame);
      }
      this._emitLine('if (parentTemplate) { return parentTemplate.root(env, context, frame, runtime); }');
    });
    const blocks = [...descendants(node)].filter((one) => one.typename === 'Block');
    for (const block of blocks) {
      this.block = block.name.value;
      emitFunction(this, `b_${this.block}`, () => {
        this._emitLine('frame = frame.push(true);');
        this.compile(block.body, new internals.runtime.Frame());
      });
    }
    const names = blocks.map((block) => `${JSON.stringify(block.name.value)}: b_${block.name.value}`);
    this._emitLine(`return { root: root, blocks: { ${names.join(', ')} } };`);
  },

  compileOutput(this: StrictCompiler, node: NodeOf<'Output'>, frame: Frame) {
    for (const child of node.children) {
      if (child.typename !== 'TemplateData') {
        emit(this, frame, [`${this.buffer} += runtime.text(`, child, `,${siteOf(this, child)});\n`]);
      } else if (child.value !== '') {
        this._emit(`${this.buffer} += `);
        this.compileLiteral(child, frame);
        this._emitLine(';');
      }
    }
  },

  compileFor(this: StrictCompiler, node: NodeOf<'For'>, frame: Frame) {
    const names = node.name.typename === 'Array' ? node.name.children : [node.name];
    for (const name of names) {
      // nunjucks puts these nodes into the code as they are, as the names of frame variables.
      Object.assign(name, { toString: () => (name as NodeOf<'Symbol'>).value });
    }
    const subject = node.arr;
    const site = siteOf(this, subject);
    node.arr = Object.assign(new Iterated(subject.lineno, subject.colno, [subject]), {
      code: `,${names.length},${site})`,
    });
    this.parent(node, frame);
    node.arr = subject;
  },

  compileIterated(this: StrictCompiler, node: { children: TemplateNode[]; code: string }, frame: Frame) {
    emit(this, frame, ['runtime.iterate(', ...node.children, node.code]);
  },

  /** One object instead of nunjucks' seven dotted names: a third of the time of a long loop. */
  _emitLoopBindings(this: StrictCompiler, _node: NodeOf<'For'>, _list: string, i: string, length: string) {
    const fields = [
      `index: ${i} + 1, index0: ${i}, revindex: ${length} - ${i}, revindex0: ${length} - ${i} - 1`,
      `first: ${i} === 0, last: ${i} === ${length} - 1, length: ${length}`,
    ];
    this._emitLine(`frame.set("loop", { ${fields.join(', ')} });`);
  },

  compileBlock(this: StrictCompiler, node: NodeOf<'Block'>) {
    const call = `runtime.block(env,context,frame,${JSON.stringify(node.name.value)},${siteOf(this, node, `{% block ${node.name.value} %}`)})`;
    // At the top of a template that extends another one, a block is only told, not rendered.
    this._emitLine(`${this.buffer} += ${this.block === null ? `(parentTemplate ? "" : ${call})` : call};`);
  },

  compileInclude(this: StrictCompiler, node: NodeOf<'Include'>, frame: Frame) {
    const missing = node.ignoreMissing === true ? '"ignore"' : '"refuse"';
    const site = siteOf(this, node, '{% include %}');
    emit(this, frame, [
      `${this.buffer} += runtime.include(`,
      node.template,
      `,${missing},context,frame,${site});\n`,
    ]);
  },

  compileExtends(this: StrictCompiler, node: NodeOf<'Extends'>, frame: Frame) {
    const site = siteOf(this, node, '{% extends %}');
    emit(this, frame, ['parentTemplate = runtime.extend(', node.template, `,context,${site});\n`]);
  },

  compileImport(this: StrictCompiler, node: NodeOf<'Import'>, frame: Frame) {
    const id = emitImport(this, node, frame);
    bind(this, frame, (node.target as NodeOf<'Symbol'>).value, id);
  },

  compileFromImport(this: StrictCompiler, node: NodeOf<'FromImport'>, frame: Frame) {
    const module = emitImport(this, node, frame);
    for (const name of node.names.children) {
      const [from, to] = name.typename === 'Pair' ? [name.key, name.value as NodeOf<'Symbol'>] : [name, name];
      const id = this._tmpid();
      const site = siteOf(this, node, `{% from … import ${String(from.value)} %}`);
      this._emitLine(`var ${id} = runtime.exported(${module},${JSON.stringify(from.value)},${site});`);
      bind(this, frame, to.value, id);
    }
  },

  /** The body becomes a function of its key that sees nothing of the scope around it. */
  compileMemo(this: StrictCompiler, node: NodeOf<'Memo'>, frame: Frame) {
    const name = (node.key as NodeOf<'Symbol'>).value;
    const local = this._tmpid();
    const site = siteOf(this, node, `{% memo ${name} %}`);
    emit(this, frame, [
      `${this.buffer} += runtime.memo(`,
      node.key,
      `,context,${site},function(${local}) {\n`,
    ]);
    this._emitLine('var outerFrame = frame; frame = new runtime.Frame().push();');
    this._emitLine(`frame.set(${JSON.stringify(name)}, ${local});`);
    const inner = new internals.runtime.Frame().push();
    inner.set(name, local);
    const buffer = this._pushBuffer();
    this._withScopedSyntax(() => this.compile(node.body, inner));
    this._popBuffer();
    this._emitLine(`frame = outerFrame; return ${buffer}; });`);
  },
};

function emitFunction(compiler: StrictCompiler, name: string, body: () => void): void {
  compiler.buffer = 'output';
  compiler._emitLine(`function ${name}(env, context, frame, runtime) {\nvar output = "";\ntry {`);
  compiler._withScopedSyntax(body);
  compiler._emitLine('return output;\n} catch (e) { throw runtime.located(e, s[0]); }\n}');
  compiler.buffer = null;
}

function emitImport(
  compiler: StrictCompiler,
  node: NodeOf<'Import'> | NodeOf<'FromImport'>,
  frame: Frame,
): string {
  const id = compiler._tmpid();
  const context = node.withContext === true ? 'context,frame' : 'null,null';
  const site = siteOf(compiler, node, '{% import %}');
  emit(compiler, frame, [
    `var ${id} = runtime.importFile(`,
    node.template,
    `,context,${context},${site});\n`,
  ]);
  return id;
}

/** Gives a name to a value, as nunjucks does for imports. */
function bind(compiler: StrictCompiler, frame: Frame, name: string, id: string): void {
  frame.set(name, id);
  const place = frame.parent === undefined ? 'context.setVariable' : 'frame.set';
  compiler._emitLine(`${place}(${JSON.stringify(name)}, ${id});`);
}
