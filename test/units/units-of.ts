import path from 'node:path';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { PACKAGED_FOLDER, readTemplateSet } from '../../src/templates/read-template-set.ts';
import { readDefinition, readHosts } from '../../src/units/read-definition.ts';
import { resolveSite } from '../../src/units/resolve.ts';
import { TEMPLATE_NAMES, type UnitTemplates, unitFilesOf } from '../../src/units/unit-files.ts';
import type { Format } from '../../src/units/unit-view.ts';

/** What is made of definitions, with the packaged templates. */
export interface MakeOptions {
  readonly format?: Format;
  readonly environment?: string;
  /** The text of a file of hosts. */
  readonly hosts?: string;
}

const packaged = TEMPLATE_NAMES.map(
  async (name) =>
    [
      name,
      compileTemplate(await readTemplateSet(path.join(PACKAGED_FOLDER, 'units', `${name}.njk`))),
    ] as const,
);

/** The files, path -> text, that `pointsman units` makes of a text of definitions. */
export async function unitsOf(text: string, options: MakeOptions = {}): Promise<Record<string, string>> {
  const { format = 'systemd', environment, hosts } = options;
  const site = resolveSite(readDefinition('services.yaml', text), environment);
  const files = await unitFilesOf(site, {
    format,
    hosts: hosts === undefined ? null : readHosts('hosts.yaml', hosts),
    templates: Object.fromEntries(await Promise.all(packaged)) as UnitTemplates,
  });
  return Object.fromEntries(files.map((file) => [file.path, file.text]));
}
