/** The texts of a template folder, by path relative to it (`haproxy.cfg.njk`, `parts/http.njk`). */
export interface TemplateSet {
  /** The folder, for error messages. */
  readonly folder: string;
  /** The key in `files` that is rendered. */
  readonly entry: string;
  readonly files: ReadonlyMap<string, string>;
}
