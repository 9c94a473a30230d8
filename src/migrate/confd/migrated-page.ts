import type { Note } from '../translate/note.ts';
import type { MigratedResource } from './migrated-resource.ts';
import type { ConfdSettings } from './read-confd-toml.ts';
import type { SourceLines } from './sources.ts';

interface PageParts {
  readonly confd: ConfdSettings;
  readonly source: SourceLines;
  readonly main: MigratedResource;
  readonly others: readonly MigratedResource[];
  /** Templates that no resource names. */
  readonly unused: readonly string[];
  readonly environment: readonly string[];
}

/** `MIGRATED.md`: what became of what, what to look at, what behaves otherwise, and what to do next. */
export function migratedPage(parts: PageParts): string {
  const { main, others, unused } = parts;
  return [
    '# What became of confd',
    '',
    `Made by \`pointsman migrate\`: \`pointsman.yaml\` of \`${main.resource.file}\` and \`confd.toml\`, \`templates/${main.template}\` of \`templates/${main.resource.src}\`.`,
    '',
    ...lookAt(parts),
    `## ${main.resource.file}`,
    '',
    ...table(main),
    '',
    ...others.flatMap(otherSection),
    ...(unused.length === 0
      ? []
      : [
          '## Templates that no resource names',
          '',
          ...unused.map((name) => `- \`templates/${name}\`: not translated`),
          '',
        ]),
    ...DIFFERENCES,
    '',
    ...nextSteps(main),
  ].join('\n');
}

function lookAt({ source, main, environment, confd }: PageParts): readonly string[] {
  const marks = [
    ...source.marks.map((mark) => `- \`confd.toml\`: ${mark}`),
    ...confd.others.map((name) => `- \`confd.toml\`: nothing here is like \`${name}\``),
    ...main.marks.map((mark) => `- \`${main.resource.file}\`: ${mark}`),
    ...main.notes.map(noteLine),
    ...(environment.length === 0
      ? []
      : [
          `- The template reads ${environment.map((name) => `\`${name}\``).join(', ')} of the environment: Pointsman needs it as confd had it; \`node.env\` lists it`,
        ]),
  ];
  return ['## To look at', '', ...(marks.length === 0 ? ['Nothing: all of it is translated.'] : marks), ''];
}

function noteLine({ file, line, original, text }: Note): string {
  return `- \`templates/${file}:${line}\`: \`${original.replaceAll('`', "'").replaceAll('\n', ' ')}\`: ${text}. It fails when it is rendered, and says this`;
}

function table({ rows }: MigratedResource): readonly string[] {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    '| confd | was | is now |',
    '| --- | --- | --- |',
    ...rows.map(
      ({ key, was, is }) => `| \`${key}\` | ${was === '' ? '' : `\`${cell(was)}\``} | ${cell(is)} |`,
    ),
  ];
}

function otherSection({ resource, template, notes }: MigratedResource): readonly string[] {
  return [
    `## ${resource.file}: stays with confd`,
    '',
    `Pointsman writes one file, HAProxy's: \`${resource.dest}\` is not supported yet, and \`pointsman.yaml\` does not name it. Let confd go on with it.`,
    `Its template is translated beside (\`templates/${template}\`), for when it is.`,
    ...notes.map(noteLine),
    '',
  ];
}

const DIFFERENCES = [
  '## What behaves otherwise',
  '',
  '- A value that holds a line break or a control character is refused where the template uses it; `getRaw(key)` takes it all the same.',
  '- A text that `haproxy -c` refuses is never written; what was good before stays, and the key that is to blame is looked for and set aside.',
  '- A mass of keys that go at once is held back for a while (`guard` in the settings), and a store that is away changes nothing.',
  '- A reload that fails, or that HAProxy does not confirm, is tried again. The file is put right where somebody edits it.',
  '- The file ends with a `global` section of two lines that carries a mark.',
];

function nextSteps({ resource }: MigratedResource): readonly string[] {
  return [
    '## Next',
    '',
    '1. `pointsman check --config pointsman.yaml` says what is missing on this host.',
    `2. \`pointsman render --dry-run --diff --config pointsman.yaml\` compares what it makes of the keys with what confd left at \`${resource.dest}\`: nothing is touched, and no difference is the proof.`,
    '3. Stop confd, then `pointsman run --config pointsman.yaml`. The way back: stop it, and start confd.',
    '',
  ];
}
