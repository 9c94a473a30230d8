import type { PointsmanError } from '../errors.ts';
import type { TemplateSet } from '../render/template-set.ts';

/** The template folder. */
export interface Templates {
  read(): Promise<TemplateSet>;
  /**
   * Gives a set at once and again after every change of a file. An unreadable state is waited out; one that stays is
   * told once, as the error of `read`.
   */
  watch(signal: AbortSignal): AsyncIterable<TemplateSet | PointsmanError>;
}
