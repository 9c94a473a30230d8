import type { Server } from '../plan/server-line.ts';
import type { ServerRow } from './runtime-server-rows.ts';

/** What a person set on the stats socket; null where that is as the text says. */
export interface HandState {
  readonly admin: ServerRow['admin'] | null;
  readonly weight: number | null;
}

/** Whether it is worth reading the text: the state is not that of a plain server, or the weight not what it began with. */
export function mayBeByHand({ line }: Pick<ServerRow, 'line'>): boolean {
  return !isPlain(line, 0);
}

/** Of lines of `show servers state` those that are of no plain server; see `mayBeByHand`. */
export function withoutPlain(lines: string): string {
  let kept = '';
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf('\n', from);
    const next = end === -1 ? lines.length : end + 1;
    if (!isPlain(lines, from)) {
      kept += lines.slice(from, next);
    }
    from = next;
  }
  return kept;
}

const SPACE = 0x20;
const ZERO = 0x30;
const LINE_BREAK = 0x0a;

/** Looks at the columns `srv_admin_state`, `srv_uweight` and `srv_iweight` of the line that begins there. */
function isPlain(text: string, from: number): boolean {
  let at = from;
  for (let spaces = 0; spaces < 6; at += 1) {
    const code = text.charCodeAt(at);
    if (code === SPACE) {
      spaces += 1;
    } else if (Number.isNaN(code) || code === LINE_BREAK) {
      return false;
    }
  }
  if (text.charCodeAt(at) !== ZERO || text.charCodeAt(at + 1) !== SPACE) {
    return false;
  }
  const weight = at + 2;
  const initial = text.indexOf(' ', weight) + 1;
  return initial > 0 && text.startsWith(text.slice(weight, initial), initial);
}

/**
 * What a person set of a server: whatever its line does not say. What we set at run time is what the text says, and who
 * only lingers is in no text. An agent sets states and weights as a person does: then nobody knows.
 */
export function handStateOf(row: ServerRow, server: Server): HandState | null {
  const { has, weight: text } = saidOf(server);
  if (has('agent-check') || has('track')) {
    return null;
  }
  const said = has('disabled') ? 'maint' : 'ready';
  // A weight of 0 is a drain for HAProxy too (SRV_ADMF_FDRAIN).
  const isSame = row.admin === said || (row.admin === 'drain' && said === 'ready' && text === 0);
  const admin = isSame ? null : row.admin;
  const weight = row.weight === text ? null : row.weight;
  return admin === null && weight === null ? null : { admin, weight };
}

/** Where not all of a line can be read, its words are looked through. */
function saidOf({ settings, unread }: Server): { has: (keyword: string) => boolean; weight: number } {
  const words = unread?.words.split('\u0001');
  if (!words) {
    return { has: (keyword) => settings.has(keyword), weight: Number(settings.get('weight') ?? '1') };
  }
  const at = words.lastIndexOf('weight');
  return {
    has: (keyword) =>
      words.includes(keyword) &&
      !(keyword === 'disabled' && words.lastIndexOf('enabled') > words.lastIndexOf(keyword)),
    weight: at === -1 ? 1 : Number(words[at + 1]),
  };
}
