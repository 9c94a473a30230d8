import { messageAndHint, PointsmanError, TemplateError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { type CompiledTemplate, compileTemplate } from '../render/compile-template.ts';
import type { TemplateSet } from '../render/template-set.ts';

type Vars = Readonly<Record<string, unknown>>;

/**
 * Which template is in use: the newest that compiles, or the last good one while the newest is refused. What is
 * wrong is told once, and once when it is mended.
 */
export class TemplateChoice {
  readonly #emit: Emit;
  #vars: Vars;
  /** Each without `vars`. */
  readonly #plain = new WeakMap<CompiledTemplate, CompiledTemplate>();
  #current: CompiledTemplate | undefined;
  /** What the folder gave last, where that compiles. */
  #taken: { readonly set: TemplateSet; readonly template: CompiledTemplate } | undefined;
  #good: CompiledTemplate | undefined;
  #refused: CompiledTemplate | undefined;
  /** `template`: it did not compile, or was refused: rendering another one does not mend that. */
  #wrong: Partial<Record<'template' | 'rendering', PointsmanError | undefined>> = {};

  /** `vars` of the settings: with others, a template is another one. */
  constructor(emit: Emit, vars: Vars = {}) {
    this.#emit = emit;
    this.#vars = vars;
  }

  get current(): CompiledTemplate | undefined {
    return this.#current;
  }

  /** The newest, while it is refused and the last good one stands in for it. */
  get refused(): CompiledTemplate | undefined {
    return this.#refused;
  }

  /** What is wrong, whatever it is. */
  get error(): PointsmanError | undefined {
    return this.#wrong.template ?? this.#wrong.rendering;
  }

  /** True while the one in use was never part of a good text, though another one was. */
  get isNew(): boolean {
    return this.#good !== undefined && this.#current !== this.#good;
  }

  /**
   * Takes a template of the folder. One that does not compile changes nothing but what is told. Gives false where
   * nothing changed that matters: other files of the folder may change as they like.
   */
  async set(set: TemplateSet): Promise<boolean> {
    if (this.#taken && !differs(this.#taken.template, this.#taken.set, set)) {
      return false;
    }
    try {
      const template = compileTemplate(set);
      this.#taken = { set, template };
      this.#use(this.#withVars(template));
      return true;
    } catch (error) {
      return this.miss(error);
    }
  }

  /** Takes other `vars`: the newest template that compiles is a new one with them, whatever was said of it before. */
  follow(vars: Vars): void {
    this.#vars = vars;
    if (this.#taken) {
      this.#use(this.#withVars(this.#taken.template));
    } else if (this.#current) {
      this.#current = this.#withVars(this.#plain.get(this.#current) ?? this.#current);
    }
  }

  /** There is no newer one to be had, and why. False where that was known. Throws what is not a `PointsmanError`. */
  miss(error: unknown): boolean {
    if (!(error instanceof PointsmanError)) {
      throw error;
    }
    this.#taken = undefined;
    return this.#note('template', error);
  }

  /** It was rendered; `error`: in vain. */
  rendered(error: PointsmanError | undefined): void {
    this.#note('rendering', error);
  }

  /** A text that was drawn with it is good; a newer one may be in use by now. */
  accepted(template: CompiledTemplate): void {
    this.#good = template;
  }

  /** The last good one takes the place of the newest. False where there is none. */
  refuse(why: string): boolean {
    if (!this.#good || !this.isNew) {
      return false;
    }
    const hint = this.#isSameBut(this.#good)
      ? 'the vars of before are used in their place; correct those of the settings'
      : 'the last good template is used in its place; correct the newest one';
    this.#refused = this.#current;
    this.#current = this.#good;
    this.#note('template', new TemplateError(why, { hint }));
    return true;
  }

  /** The refused one turned out to be good now. */
  readmit(template: CompiledTemplate): boolean {
    if (this.#refused !== template) {
      return false;
    }
    this.#use(template);
    return true;
  }

  /** Whether the one in use differs from it by its `vars` alone. */
  #isSameBut(good: CompiledTemplate): boolean {
    return this.#current !== undefined && this.#plain.get(this.#current) === this.#plain.get(good);
  }

  #withVars(template: CompiledTemplate): CompiledTemplate {
    const vars = this.#vars;
    const bound: CompiledTemplate = {
      uses: (file) => template.uses(file),
      render: (input, run) => template.render({ ...input, vars }, run),
    };
    this.#plain.set(bound, template);
    return bound;
  }

  #use(template: CompiledTemplate): void {
    this.#current = template;
    this.#refused = undefined;
    this.#note('template', undefined);
  }

  /** What is wrong by now, undefined for nothing: news is told. True where something else is wrong. */
  #note(where: 'template' | 'rendering', error: PointsmanError | undefined): boolean {
    const wasWrong = this.error !== undefined;
    const isNews = error !== undefined && this.#wrong[where]?.message !== error.message;
    this.#wrong = { ...this.#wrong, [where]: error };
    if (isNews) {
      this.#emit({ kind: 'template-error', ...messageAndHint(error) });
    } else if (wasWrong && !this.error) {
      this.#emit({ kind: 'template-mended' });
    }
    return isNews;
  }
}

/** Whether a file that the template uses is another one now. */
function differs(template: CompiledTemplate, before: TemplateSet, now: TemplateSet): boolean {
  const names = new Set([...before.files.keys(), ...now.files.keys()]);
  return [...names].some((name) => before.files.get(name) !== now.files.get(name) && template.uses(name));
}
