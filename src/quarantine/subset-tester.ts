import { asError, PointsmanError, TemplateError } from '../errors.ts';
import type { Catalog } from '../model/catalog.ts';
import { type NamedPlace, placesIn, placesOf, wordsOf } from '../plan/blame.ts';
import type { Verdict } from '../ports/judge.ts';
import type { CompiledTemplate } from '../render/compile-template.ts';
import { changesBetween, type Entries } from '../tree/unit.ts';
import { findGivers, withNeeds } from './blame-search.ts';
import type { CheckBudget } from './check-budget.ts';
import { mentioned } from './mentioned.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { type Blame, type Refusal, refusedBy, wordsOfRefusal } from './refusal.ts';
import { entriesWith, type SplitChange, type UnitPart } from './unit-parts.ts';

export interface SubsetTesterOptions extends Pick<QuarantineNeeds, 'drawing' | 'judge' | 'plan'> {
  /** A catalog of its own, with every change at its goal, or with none of them. */
  readonly catalog: Catalog;
  readonly taken: 'all' | 'none';
  readonly changes: readonly SplitChange[];
  readonly template: CompiledTemplate;
  readonly budget: CheckBudget;
  readonly signal: AbortSignal;
}

/** A text, or why there is none. */
type Drawn = string | Exclude<Refusal, { kind: 'refused' }>;

/** The check could not be done in the middle of a test: nobody is to blame. */
export class CheckBroken extends Error {}

/** So many lines of a refusal are followed up. */
const LINES = 200;

const NONE: Entries = new Map();

/**
 * Tests subsets of changes on a catalog of its own: the real one goes on as it is. A test is everything that a pass does
 * with a text before anything is touched: it is rendered, planned and checked.
 */
export class SubsetTester {
  readonly #options: SubsetTesterOptions;
  readonly #now: Map<string, Entries>;

  constructor(options: SubsetTesterOptions) {
    this.#options = options;
    const { changes, taken } = options;
    this.#now = new Map(changes.map(({ unit, good, goal }) => [unit.id, taken === 'all' ? goal : good]));
  }

  /** Judges the last good state with these parts. Throws `CheckBroken`. */
  async test(parts: readonly UnitPart[]): Promise<Refusal | null> {
    const text = await this.#draw(parts);
    if (typeof text !== 'string') {
      return text;
    }
    const { budget, judge, signal } = this.#options;
    await budget.spend();
    let verdict: Verdict;
    try {
      verdict = await judge.checkRendered(text, signal);
    } catch (error) {
      return this.#crashed(error);
    }
    switch (verdict.kind) {
      case 'accepted':
        return null;
      case 'broken':
        throw new CheckBroken(verdict.message);
      case 'refused':
        return { ...verdict, text };
    }
  }

  /**
   * The parts that put the lines which HAProxy names into the text, or that make the template fail: found by
   * rendering with and without them, so that it works for any template. Asks HAProxy nothing.
   */
  async blame(
    refusal: Refusal,
    { kept, rest }: { readonly kept: readonly UnitPart[]; readonly rest: readonly UnitPart[] },
  ): Promise<ReadonlyMap<UnitPart, Blame>> {
    const by = refusedBy(refusal);
    const keys = await this.#namedByKey(refusal, kept, rest);
    if (keys.size > 0) {
      return keys;
    }
    // Only what fails over a plan needs one: it costs as much as the text.
    const draw = (some: readonly UnitPart[]) =>
      refusal.kind === 'crashed' ? this.#draw(some) : this.#render(some);
    const drawWith = (group: readonly UnitPart[]) => draw([...kept, ...withNeeds(group, rest)]);
    const base = await draw(kept);
    if (typeof base !== 'string') {
      return new Map();
    }
    if (refusal.kind !== 'refused') {
      return findGivers<UnitPart, Blame>(rest, {
        async finds(group) {
          const drawn = await drawWith(group);
          return typeof drawn === 'string' ? null : { words: wordsOfRefusal(drawn), by };
        },
        guess: ({ words }, parts) => mentioned([words], parts),
      });
    }
    const named = placesOf(refusal.text, refusal.lines.slice(0, LINES));
    const old = new Set(placesIn(base, named));
    const places = named.filter((place) => !old.has(place));
    if (places.length === 0) {
      return new Map();
    }
    const givers = await findGivers<UnitPart, readonly NamedPlace[]>(rest, {
      async finds(group) {
        const drawn = await drawWith(group);
        const found = typeof drawn === 'string' ? placesIn(drawn, places) : [];
        return found.length === 0 ? null : found;
      },
      guess: (found, parts) =>
        mentioned(
          found.map(({ section, line }) => `${section}\n${line}`),
          parts,
        ),
    });
    return new Map(
      [...givers].map(([part, found]) => {
        const binds = by === 'check' ? {} : { binds: found.map(({ line }) => line) };
        return [part, { words: wordsFor(refusal.output, found), by, ...binds }];
      }),
    );
  }

  /**
   * The parts whose key an error of the template names, one error after the other: with that key as it was when it was
   * good, the next one is seen. It takes one rendering for each, and none that gives a text.
   */
  async #namedByKey(
    refusal: Refusal,
    kept: readonly UnitPart[],
    rest: readonly UnitPart[],
  ): Promise<ReadonlyMap<UnitPart, Blame>> {
    const named = new Map<UnitPart, Blame>();
    const left = new Map(rest.flatMap((part) => (part.unit.kind === 'key' ? [[part.unit.name, part]] : [])));
    let said: Refusal | string = refusal;
    while (typeof said !== 'string' && said.kind === 'template-error') {
      const key = said.error instanceof TemplateError ? said.error.key : null;
      const part = key === null ? undefined : left.get(key);
      if (key === null || part === undefined) {
        break;
      }
      left.delete(key);
      named.set(part, { words: wordsOfRefusal(said), by: 'check' });
      said = await this.#render([...kept, ...rest.filter((one) => !named.has(one))]);
    }
    return named;
  }

  /** A text, and the way to it. */
  async #draw(parts: readonly UnitPart[]): Promise<Drawn> {
    const text = await this.#render(parts);
    try {
      if (typeof text === 'string') {
        this.#options.plan(text);
      }
      return text;
    } catch (error) {
      return this.#failed(error);
    }
  }

  async #render(parts: readonly UnitPart[]): Promise<Drawn> {
    const { catalog, changes: split, drawing, template, signal } = this.#options;
    const taken = new Set(parts.map(({ id }) => id));
    const changes = split.flatMap((one) => {
      const next = entriesWith(one, taken);
      const before = this.#now.get(one.unit.id) ?? NONE;
      this.#now.set(one.unit.id, next);
      return changesBetween(before, next);
    });
    catalog.apply(changes);
    try {
      return await drawing.tryRender(catalog, template, signal);
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): Exclude<Refusal, { kind: 'refused' }> {
    return error instanceof PointsmanError ? { kind: 'template-error', error } : this.#crashed(error);
  }

  /** What is being ended says so by throwing. */
  #crashed(error: unknown): Extract<Refusal, { kind: 'crashed' }> {
    if (this.#options.signal.aborted) {
      throw error;
    }
    return { kind: 'crashed', error: asError(error) };
  }
}

function wordsFor(output: string, places: readonly NamedPlace[]): string {
  const lines = places.flatMap(({ numbers }) => numbers);
  const shown = places.slice(0, 2).map(({ line }) => line);
  return `${wordsOf(output, { lines })} (${shown.join('; ')})`;
}
