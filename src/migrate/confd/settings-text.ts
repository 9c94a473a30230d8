import { checkOf, reloadOf } from './commands.ts';
import type { ConfdSettings } from './read-confd-toml.ts';
import type { Resource } from './read-resource.ts';
import { durationOf, modeOf } from './resource-values.ts';

interface SettingsParts {
  readonly source: readonly string[];
  readonly keys: readonly string[];
  readonly template: string;
  readonly resource: Resource;
  readonly environment: readonly string[];
  /** The socket that the template names, or null. */
  readonly statsSocket: string | null;
  readonly confd: ConfdSettings;
}

const LEVELS: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
};

/** `pointsman.yaml`, with a word on what is not as one would expect. */
export function settingsText(parts: SettingsParts): string {
  const { source, keys, template, resource, environment, confd } = parts;
  const level = LEVELS[confd.logLevel ?? ''];
  return [
    '# Made of the settings of confd by `pointsman migrate`: MIGRATED.md says what became of what.',
    'sources:',
    ...source,
    '',
    'prefixes:',
    '  # Free keys, as confd knew them. Those of services and routes are what the packaged template is about; this one reads neither.',
    '  services: /pointsman/services',
    '  routes: /pointsman/routes',
    `  keys: ${list(keys)}`,
    '',
    `template: ${JSON.stringify(template)}`,
    'output:',
    `  path: ${JSON.stringify(resource.dest)}`,
    `  mode: "${modeOf(resource)}"`,
    ...(resource.owner === undefined ? [] : [`  owner: ${JSON.stringify(resource.owner)}`]),
    ...(resource.group === undefined ? [] : [`  group: ${JSON.stringify(resource.group)}`]),
    '',
    'haproxy:',
    ...haproxyLines(parts),
    ...paceLines(resource, confd),
    ...(environment.length === 0 ? [] : ['', 'node:', `  env: ${list(environment)}`]),
    ...(level === undefined || level === 'info' ? [] : ['', `log: { level: ${level} }`]),
    '',
  ].join('\n');
}

function haproxyLines({ resource, statsSocket }: SettingsParts): readonly string[] {
  const reload = reloadOf(resource.reloadCommand).value;
  const check = checkOf(resource.checkCommand).value;
  const how =
    reload.mode === 'signal'
      ? [`  pidFile: ${JSON.stringify(reload.pidFile)}`]
      : reload.mode === 'command'
        ? [`  reloadCommand: ${list(reload.command)}`]
        : [];
  return [
    `  mode: ${reload.mode}`,
    ...how,
    ...(check === null ? [] : [`  checkCommand: ${list(check)}`]),
    ...(statsSocket === null
      ? ['  # The template names no stats socket: without one every change is a reload.', '  statsSocket: ""']
      : [`  statsSocket: ${JSON.stringify(statsSocket)}`]),
  ];
}

function paceLines(resource: Resource, confd: ConfdSettings): readonly string[] {
  const interval = durationOf(resource.minReloadInterval);
  const quiet = durationOf(resource.debounce ?? confd.debounce);
  if (interval === undefined && quiet === undefined) {
    return [];
  }
  return [
    '',
    'pace:',
    ...(interval === undefined ? [] : [`  reloadInterval: ${interval}`]),
    ...(quiet === undefined ? [] : [`  quiet: ${quiet}`, `  maxWait: ${quiet}`]),
  ];
}

function list(words: readonly string[]): string {
  return `[${words.map((word) => (/^[\w/.-]+$/.test(word) ? word : JSON.stringify(word))).join(', ')}]`;
}
