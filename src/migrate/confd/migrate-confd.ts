import { UsageError } from '../../errors.ts';
import { translateTemplate } from '../translate/translate-template.ts';
import { checkOf, reloadOf } from './commands.ts';
import { migratedPage } from './migrated-page.ts';
import type { Became, MigratedResource } from './migrated-resource.ts';
import { type ConfdFlags, type ConfdSettings, readConfdToml } from './read-confd-toml.ts';
import { isHaproxy, type Resource, readResource } from './read-resource.ts';
import { durationOf, keysOf, modeOf, prefixOf } from './resource-values.ts';
import { settingsText } from './settings-text.ts';
import { sourceOf } from './sources.ts';

/** What a folder of confd's holds, as texts by their paths in it. */
export interface ConfdFolder {
  /** `confd.toml`, or null where there is none. */
  readonly settings: string | null;
  /** By their names in `conf.d`. */
  readonly resources: ReadonlyMap<string, string>;
  /** By their paths in `templates`. */
  readonly templates: ReadonlyMap<string, string>;
}

/** A file that is made. */
export interface MadeFile {
  readonly path: string;
  readonly text: string;
}

/** What became of a folder of confd's. */
export interface Migrated {
  readonly files: readonly MadeFile[];
  /** How many places somebody has to look at, and how many of them fail when they are rendered. */
  readonly marks: number;
  readonly untranslated: number;
}

/**
 * Makes settings, templates and a page that says what became of what, of a folder of confd's. Pointsman writes one file, HAProxy's: resources of
 * other files are translated and said to stay with confd. Throws a `UsageError` where nothing is HAProxy's.
 */
export function migrateConfd(folder: ConfdFolder, flags: ConfdFlags = {}): Migrated {
  const confd = readConfdToml(folder.settings ?? '', flags);
  const resources = [...folder.resources].map(([name, text]) => readResource(`conf.d/${name}`, text));
  const resource = mainOf(resources);
  const made = migrateResource(resource, folder, confd);
  const others = resources
    .filter((one) => one !== resource)
    .map((one) => migrateResource(one, folder, confd));
  const source = sourceOf(confd);
  const { environment } = made;
  const settings = settingsText({
    source: source.lines,
    keys: made.keys,
    template: `./templates/${made.template}`,
    resource,
    environment,
    statsSocket: statsSocketOf(folder.templates.get(resource.src) ?? ''),
    confd,
  });
  const templates = [made, ...others].map(({ template, text }) => ({ path: `templates/${template}`, text }));
  const unused = [...folder.templates.keys()].filter((name) => !resources.some(({ src }) => src === name));
  const page = migratedPage({ confd, source, main: made, others, unused, environment });
  return {
    files: [
      { path: 'pointsman.yaml', text: settings },
      ...unique(templates),
      { path: 'MIGRATED.md', text: page },
    ],
    marks: made.notes.length + made.marks.length + source.marks.length,
    untranslated: made.notes.length,
  };
}

function mainOf(resources: readonly Resource[]): Resource {
  const named = resources.filter(isHaproxy);
  const resource = named[0] ?? (resources.length === 1 ? resources[0] : undefined);
  if (resource === undefined) {
    const all = resources.map(({ file, dest }) => `${file} (${dest})`).join(', ');
    throw new UsageError(
      resources.length === 0
        ? 'reading conf.d: there is no template resource'
        : `reading conf.d: none of the resources is HAProxy's: ${all}`,
      {
        hint: 'Pointsman writes the configuration of HAProxy: its resource has a dest such as /etc/haproxy/haproxy.cfg.',
      },
    );
  }
  return resource;
}

function migrateResource(resource: Resource, folder: ConfdFolder, confd: ConfdSettings): MigratedResource {
  const { notes, text, environment } = translateResource(resource, folder, confd);
  const check = checkOf(resource.checkCommand);
  const reload = reloadOf(resource.reloadCommand);
  const prefix = prefixOf(resource, confd);
  const asked = keysOf(resource, confd);
  const isAll = asked.includes('/');
  const keys = isAll ? foldersIn(folder.templates.get(resource.src) ?? '') : asked;
  const rows: Became[] = [
    { key: 'src', was: resource.src, is: `\`template: ./templates/${templateName(resource)}\`` },
    { key: 'dest', was: resource.dest, is: `\`output.path: ${resource.dest}\`` },
    {
      key: 'keys',
      was: resource.keys.join(', '),
      is: `\`prefixes.keys: [${keys.join(', ')}]\``,
    },
    {
      key: 'prefix',
      was: [confd.prefix, resource.prefix].filter(Boolean).join(', '),
      is: prefix === '/' ? 'none' : `\`storeBelow("${prefix}")\` in the template`,
    },
    { key: 'mode', was: resource.mode ?? '', is: `\`output.mode: "${modeOf(resource)}"\`` },
    {
      key: 'owner, uid',
      was: resource.owner ?? '',
      is: resource.owner === undefined ? 'unchanged' : `\`output.owner: ${resource.owner}\``,
    },
    {
      key: 'group, gid',
      was: resource.group ?? '',
      is: resource.group === undefined ? 'unchanged' : `\`output.group: ${resource.group}\``,
    },
    {
      key: 'check_cmd',
      was: resource.checkCommand ?? '',
      is: check.value === null ? check.reason : `\`haproxy.checkCommand\`: ${check.reason}`,
    },
    {
      key: 'reload_cmd',
      was: resource.reloadCommand ?? '',
      is: `\`haproxy.mode: ${reload.value.mode}\`: ${reload.reason}`,
    },
    { key: 'min_reload_interval', was: resource.minReloadInterval ?? '', is: '`pace.reloadInterval`' },
    { key: 'debounce', was: resource.debounce ?? confd.debounce ?? '', is: '`pace.quiet`' },
  ];
  const marks = [
    ...(check.isMarked ? [`check_cmd: ${check.reason}`] : []),
    ...(reload.isMarked ? [`reload_cmd: ${reload.reason}`] : []),
    ...(confd.prefix !== '' && resource.prefix !== ''
      ? [
          `prefix: \`${prefix}\` is that of confd.toml and of the resource together, as in newer versions of confd; older ones took that of confd.toml alone`,
        ]
      : []),
    ...(isAll
      ? [
          `keys: the whole store was read, which Pointsman does not: ${keys.length === 0 ? 'the template names no folder, so name those that it reads' : 'those folders that the template names stand there instead'} (\`prefixes.keys\`)`,
        ]
      : []),
    ...(resource.keys.length === 0 ? ['it names no keys: confd gave its template none'] : []),
    ...(durationOf(resource.minReloadInterval) === undefined && resource.minReloadInterval
      ? [
          `min_reload_interval: ${resource.minReloadInterval} is left out: write it as \`pace.reloadInterval\``,
        ]
      : []),
    ...(/^0?[0-7]{3}$/.test(resource.mode ?? '0644')
      ? []
      : [`mode: ${resource.mode} has bits that a file of Pointsman does not get`]),
    ...resource.others.map((one) => `${one}: nothing here is like it`),
  ];
  return {
    resource,
    template: templateName(resource),
    text,
    environment,
    keys,
    notes,
    rows: rows.filter(({ was, key }) => was !== '' || /_cmd|^mode/.test(key)),
    marks,
  };
}

function translateResource(resource: Resource, folder: ConfdFolder, confd: ConfdSettings) {
  const text = folder.templates.get(resource.src);
  if (text === undefined) {
    throw new UsageError(`reading ${resource.file}: there is no template templates/${resource.src}`, {
      hint: 'Where templates stand elsewhere, put them below templates of that folder.',
    });
  }
  return translateTemplate({ file: resource.src, text, prefix: prefixOf(resource, confd) });
}

/** The first parts of the keys that a template names. */
function foldersIn(template: string): readonly string[] {
  const found = [...template.matchAll(/["`](\/[A-Za-z0-9_.-]+)/g)].map(([, folder = '']) => folder);
  return [...new Set(found)].sort();
}

/** The first stats socket that the template names, where it is the same on every host. */
function statsSocketOf(template: string): string | null {
  return /^\s*stats\s+socket\s+(\/[^\s{}]+)/m.exec(template)?.[1] ?? null;
}

function templateName({ src }: Resource): string {
  return `${src.replace(/\.(?:tmpl|tpl|template)$/, '')}.njk`;
}

function unique(files: readonly MadeFile[]): readonly MadeFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}
