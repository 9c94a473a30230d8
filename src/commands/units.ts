import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../model/nearest-names.ts';
import { compileTemplate } from '../render/compile-template.ts';
import { readText } from '../system/read-text.ts';
import { PACKAGED_FOLDER, readTemplateSet } from '../templates/read-template-set.ts';
import { readDefinition, readHosts } from '../units/read-definition.ts';
import { resolveSite } from '../units/resolve.ts';
import { TEMPLATE_NAMES, type UnitFile, type UnitTemplates, unitFilesOf } from '../units/unit-files.ts';
import { FORMATS, type Format } from '../units/unit-view.ts';
import { colouredDiff } from './colours.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { differencesOf, diffOf, writeFiles } from './units-folder.ts';

/** The flags of `units`. */
export interface UnitsFlags {
  readonly format: string;
  readonly hosts?: string;
  readonly environment?: string;
  readonly templates?: string;
  readonly out?: string;
  readonly diff?: string;
  readonly check?: string;
}

/** Makes units of a file of definitions: prints them, writes them, or compares them with those of a folder. */
export async function units(io: Io, file: string, flags: UnitsFlags): Promise<ExitCode> {
  const format = formatOf(flags.format);
  const targets = (['out', 'diff', 'check'] as const).filter((name) => flags[name] !== undefined);
  if (targets.length > 1) {
    throw new UsageError(`reading the flags: --${targets.join(' and --')} do not go together`, {
      hint: '--out writes, --diff shows what would change, --check says by its exit code whether something would.',
    });
  }
  const read = readDefinition(file, await textOf(io, file));
  const site = resolveSite(read, flags.environment);
  const hosts = flags.hosts === undefined ? null : readHosts(flags.hosts, await textOf(io, flags.hosts));
  const templates = await templatesOf(
    flags.templates === undefined ? null : path.resolve(io.cwd, flags.templates),
  );
  const files = await unitFilesOf(site, { format, hosts, templates });
  const { out, diff, check } = flags;
  const [target] = [out, diff, check].filter((one) => one !== undefined);
  if (target === undefined) {
    io.out(files.map(printed).join('\n'));
    return EXIT.fine;
  }
  const folder = path.resolve(io.cwd, target);
  if (out !== undefined) {
    for (const line of await writeFiles(folder, files)) {
      io.out(`${line}\n`);
    }
    return EXIT.fine;
  }
  if (diff !== undefined) {
    io.out(colouredDiff(io, await diffOf(folder, files)));
    return EXIT.fine;
  }
  const different = await differencesOf(folder, files);
  for (const { path: name, kind } of different) {
    io.out(`${kind} ${name}\n`);
  }
  return different.length === 0 ? EXIT.fine : EXIT.difference;
}

function printed({ path: name, text }: UnitFile): string {
  return `# --- ${name}\n${text}`;
}

function formatOf(text: string): Format {
  const format = FORMATS.find((one) => one === text);
  if (format === undefined) {
    throw new UsageError(`reading --format ${text}: there is no such format`, {
      hint: didYouMean(text, FORMATS) ?? `There are: ${FORMATS.join(', ')}.`,
    });
  }
  return format;
}

async function textOf(io: Io, file: string): Promise<string> {
  const text = await readText(path.resolve(io.cwd, file));
  if (text === null) {
    throw new UsageError(`reading ${file}: there is no such file`, {
      hint: 'docs/units.md has an example of the definitions, and of the hosts.',
    });
  }
  return text;
}

/** Those of a folder, the packaged ones in the place of those that it does not have. */
async function templatesOf(folder: string | null): Promise<UnitTemplates> {
  const packaged = path.join(PACKAGED_FOLDER, 'units');
  const all = TEMPLATE_NAMES.map(async (name) => {
    const file = `${name}.njk`;
    const own = folder !== null && (await isThere(path.join(folder, file)));
    return [name, compileTemplate(await readTemplateSet(path.join(own ? folder : packaged, file)))] as const;
  });
  return Object.fromEntries(await Promise.all(all)) as UnitTemplates;
}

function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
