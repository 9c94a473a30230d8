import type { Server } from '../plan/server-line.ts';
import type { ServerRow } from './runtime-server-rows.ts';

/** What a person set on the stats socket; null where that is as the text says. */
export interface HandState {
  readonly admin: ServerRow['admin'] | null;
  readonly weight: number | null;
}

/** Whether it is worth reading the text: the state is not that of a plain server, or the weight not what it began with. */
export function mayBeByHand({ admin, weight, line }: ServerRow): boolean {
  const columns = line.split(' ');
  return admin !== 'ready' || columns[6] !== '0' || Number(columns[8]) !== weight;
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
