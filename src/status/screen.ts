import { broughtBy, type Finding, findingsIn, sentence } from './findings.ts';
import type { StatusJson } from './status-json.ts';
import { counted, firstLine, shortList, span } from './words.ts';

/** What a person is shown. */
export interface Screen {
  /** Whether nothing is to be done. */
  readonly well: boolean;
  readonly text: string;
}

const PASSES = 5;
const LABEL = 11;

/** The status on one screen: a sentence, what is wrong with its cause and what to do, then the figures. */
export function screenOf(status: StatusJson): Screen {
  const wrong = findingsIn(status).flatMap(linesOf);
  const { version, mode, uptimeSeconds, applied, pending, ahead, target, template, lastError, lastHandEdit } =
    status;
  const figures = [
    row('daemon', `pointsman ${version}, ${mode}, for ${span(uptimeSeconds)}`),
    ...status.sources.map((one) => row('source', sourceLine(one))),
    row('HAProxy', haproxyLine(status)),
    row('file', `${target}, by ${template.path}`),
    row(
      'applied',
      `${appliedWords(applied)}${ahead ? `, the file is ${span(ahead.ageSeconds)} behind` : ''}`,
    ),
    row('pending', pending === null ? 'nothing' : `${pending}`),
    ...status.setByHand.map((one) =>
      row(
        'by hand',
        `${one.backend}/${one.server} ${one.admin ?? `weight ${one.weight}`} for ${span(one.ageSeconds)}`,
      ),
    ),
    ...(lastHandEdit
      ? [
          row(
            'hand edit',
            `${span(lastHandEdit.ageSeconds)} ago: ${target} is as it was${lastHandEdit.kept === null ? '' : `; the edit is kept in ${lastHandEdit.kept}`}`,
          ),
        ]
      : []),
    ...status.passes
      .slice(-PASSES)
      .reverse()
      .map((one) => row('pass', passLine(one))),
    ...(lastError
      ? [row('last error', `${span(lastError.ageSeconds)} ago: ${firstLine(lastError.message)}`)]
      : []),
  ];
  const blocks = [[sentence(status)], wrong, figures].filter((block) => block.length > 0);
  return { well: wrong.length === 0, text: `${blocks.map((block) => block.join('\n')).join('\n\n')}\n` };
}

/** A line for each of the first, one for the others, and what to do. */
function linesOf({ label, items, count, toDo }: Finding): readonly string[] {
  const more = count > items.length ? [row(label, `and ${count - items.length} more`, '!')] : [];
  return [...items.map((item) => row(label, item, '!')), ...more, row('', `-> ${toDo}`)];
}

function row(label: string, text: string, sign = ' '): string {
  return `${sign} ${label.padEnd(LABEL)}  ${text}`;
}

function sourceLine({
  name,
  state,
  stateAgeSeconds,
  keys,
  revision,
  dataAgeSeconds,
}: StatusJson['sources'][number]): string {
  const data =
    dataAgeSeconds === null
      ? 'gave nothing yet'
      : `${counted(keys, 'key')}, the last data ${span(dataAgeSeconds)} ago`;
  const at = revision === null || revision === '0' ? '' : ` at revision ${revision}`;
  return `${name}: ${state} for ${span(stateAgeSeconds)}, ${data}${at}`;
}

function haproxyLine({ haproxy }: StatusJson): string {
  switch (haproxy.state) {
    case 'unknown':
      return 'was not asked yet';
    case 'away':
      return `away for ${span(haproxy.ageSeconds)}: ${haproxy.cause}`;
    case 'unseen':
      return `there${haproxy.pid === undefined ? '' : ` (pid ${haproxy.pid})`}, and cannot be asked`;
    default: {
      const old = haproxy.oldWorkers ? `, ${counted(haproxy.oldWorkers, 'old worker')}` : '';
      return `${haproxy.version ?? 'of an unknown version'} (pid ${haproxy.pid}), for ${span(haproxy.ageSeconds)}${old}`;
    }
  }
}

function appliedWords(applied: StatusJson['applied']): string {
  switch (applied.kind) {
    case 'verified':
      return `${applied.hash}, which HAProxy says that it runs`;
    case 'unverified':
      return `${applied.hash}; HAProxy was told, and cannot be asked`;
    case 'file':
      return `${applied.hash}; the file is all there is`;
    default:
      return 'not known';
  }
}

type Pass = StatusJson['passes'][number];

function passLine(pass: Pass): string {
  const { at, outcome, ms, changes, error } = pass;
  const what = changes.length > 0 ? `: ${shortList(changes, 3)}` : '';
  return `${at.slice(11, 19)}Z ${outcome} in ${Math.round(ms)} ms${what}${error === null ? '' : `: ${firstLine(error)}`}${broughtBy(pass)}`;
}
