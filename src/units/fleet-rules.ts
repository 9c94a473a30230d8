import { sectionsOf } from './unit-sections.ts';

const KEYS = ['MachineID', 'MachineOf', 'MachineMetadata', 'Conflicts', 'Global', 'Replaces'];
/** From before fleet 0.8, still read. */
const OLD_KEYS = [
  'X-ConditionMachineID',
  'X-ConditionMachineBootID',
  'X-ConditionMachineOf',
  'X-ConditionMachineMetadata',
  'X-Conflicts',
];
/** "Unit Files and Scheduling", options that exclude each other; fleet's api/units.go, ValidateOptions. */
const APART: readonly (readonly [string, string])[] = [
  ['MachineID', 'MachineOf'],
  ['MachineID', 'Conflicts'],
  ['MachineID', 'Global'],
  ['MachineID', 'Replaces'],
  ['Global', 'MachineOf'],
  ['Global', 'Replaces'],
  ['Conflicts', 'Replaces'],
];
/** api/units.go, ValidateName. */
const NAME = /^[a-zA-Z0-9:_.@-]+\.(?:service|socket|device|mount|automount|timer|path)$/;
const TEMPLATES = /\.(?:path|service|socket|target|timer)$/;

/** Why fleet would refuse a unit, or lose track of it: a line for each reason. */
export function fleetComplaints(name: string, text: string): string[] {
  const sections = sectionsOf(text);
  const found: string[] = [];
  if (!NAME.test(name) || (name.includes('@') && !TEMPLATES.test(name))) {
    found.push(`${name} is no name that fleet takes`);
  }
  if (sections.some((one) => one.name === 'Install')) {
    found.push(
      '[Install] belongs to systemd: fleet enables units by itself, and would lose track of this one',
    );
  }
  const options = sections.filter((one) => one.name === 'X-Fleet').flatMap((one) => one.options);
  for (const { key } of options.filter((one) => ![...KEYS, ...OLD_KEYS].includes(one.key))) {
    found.push(`[X-Fleet] knows no ${key}; there are: ${KEYS.join(', ')}`);
  }
  const isSet = (key: string) =>
    options.some((one) => one.key === key && (key !== 'Global' || isTrue(one.value)));
  for (const [one, other] of APART) {
    if (isSet(one) && isSet(other)) {
      found.push(`${one} and ${other} exclude each other`);
    }
  }
  const valuesOf = (key: string) =>
    options.filter((one) => one.key === key).flatMap((one) => one.value.split(/\s+/));
  for (const glob of [...valuesOf('Conflicts'), ...valuesOf('Replaces')]) {
    for (const target of valuesOf('MachineOf').filter((one) => matches(glob, one))) {
      found.push(`MachineOf=${target} is what ${glob} keeps away`);
    }
  }
  for (const pair of valuesOf('MachineMetadata').filter((one) => !/^"?[^="]+=[^="]+"?$/.test(one))) {
    found.push(`MachineMetadata=${pair} is no name=value`);
  }
  return found;
}

/** job/job.go, isTruthyValue. */
function isTrue(value: string): boolean {
  return ['true', 'yes', '1', 'on', 't'].includes(value.toLowerCase());
}

/** Go's path.Match, as far as names of units go: `*`, `?` and `[…]`. */
function matches(glob: string, name: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(`^${pattern}$`).test(name);
}
