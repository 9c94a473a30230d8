import type { CatalogView } from '../model/catalog-view.ts';
import type { TreeView } from '../model/tree-view.ts';

/** What a render is made of. The same input gives the same bytes. */
export interface RenderInput {
  readonly catalog: CatalogView;
  readonly tree: TreeView;
  readonly node: { readonly hostname: string; readonly env: Readonly<Record<string, string>> };
  /** Of the settings; `version` is that of the HAProxy binary (`2.6.12`), or `''` where there is none. */
  readonly haproxy: {
    readonly version: string;
    readonly statsSocket: string;
    readonly masterSocket: string;
    /** The file for `server-state-file`, or `''` for none. */
    readonly serverState: string;
  };
  readonly vars: Readonly<Record<string, unknown>>;
}
