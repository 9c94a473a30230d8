import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cli, startProcess, waitFor } from '../support/haproxy.ts';

/** A HAProxy without a master, which answers on a socket of its own. */
export interface PlainHaproxy extends AsyncDisposable {
  /** Sends lines one by one. Throws at the first answer that is no success. */
  apply(lines: readonly string[]): Promise<void>;
  /** What runs, one line for each server, without what depends on how it got there. */
  state(): Promise<string[]>;
}

/** The beginning of a text that `startPlain` can run: sockets in `folder`, named `name`. */
export function plainHead(folder: string, name: string): string {
  return `global\n  stats socket ${folder}/${name}.sock level admin\nfrontend front\n  bind unix@${folder}/${name}.front\n  mode http\n  timeout client 1s\n`;
}

/** Starts HAProxy from a text that begins with `plainHead`. */
export async function startPlain(options: {
  binary: string;
  folder: string;
  name: string;
  text: string;
}): Promise<PlainHaproxy> {
  const { binary, folder, name, text } = options;
  const config = path.join(folder, `${name}.cfg`);
  const socket = path.join(folder, `${name}.sock`);
  await writeFile(config, text);
  const haproxy = await startProcess(binary, ['-db', '-f', config]);
  await waitFor(
    async () => {
      if (haproxy.child.exitCode !== null) {
        throw new Error(`haproxy did not start:\n${haproxy.output()}\n${text}`);
      }
      return (await cli(socket, 'show info').catch(() => '')).includes('Pid:');
    },
    { what: 'a plain haproxy', every: 5 },
  );
  return {
    async apply(lines) {
      for (const line of lines) {
        const answer = (await cli(socket, line)).trim();
        if (!SUCCESS.test(answer)) {
          throw new Error(`"${line}" was answered with "${answer}"`);
        }
      }
    },
    state: async () =>
      mergeStates(await cli(socket, 'show servers state'), await cli(socket, 'show stat -1 4 -1')),
    async [Symbol.asyncDispose]() {
      haproxy.child.kill('SIGKILL');
      await haproxy.ended;
    },
  };
}

/** An address answers with what was changed, and an `add` may add warnings of no interest. */
const SUCCESS =
  /^(?:|New server registered\.|Server deleted\.|(?:IP|port) changed from .*|no need to change .*changed.*)$/s;
/** `disabled` in the file stays as a remark after `state ready`; checks: configured, enabled. */
const CONFIG_MAINTENANCE = 4;
const CHECK_FLAGS = 6;
const STATS = [
  'status',
  'weight',
  'act',
  'bck',
  'slim',
  'qlimit',
  'check_rise',
  'check_fall',
  'cookie',
  'mode',
  'algo',
  'addr',
];
const ONLY_RUNNING = new Set(['weight', 'check_rise', 'check_fall']);

function mergeStates(serversState: string, stats: string): string[] {
  const states = table(serversState.replace(/^\d+\n/, ''), ' ').map((row) => {
    const admin = Number(row.get('srv_admin_state')) & ~CONFIG_MAINTENANCE;
    const check = Number(row.get('srv_check_state')) & CHECK_FLAGS;
    const shown = ['srv_addr', 'srv_port', 'srv_op_state', 'srv_uweight', 'srv_use_ssl', 'srv_check_port'];
    const values = shown.map((column) => `${column}=${row.get(column) ?? '-'}`);
    return `${row.get('be_name')}/${row.get('srv_name')} admin=${admin} check=${check} ${values.join(' ')}`;
  });
  const counters = table(stats, ',').map((row) => {
    // In maintenance these show whether it was ever out of it, and the weight is in the other table.
    const shown = row.get('status') === 'MAINT' ? STATS.filter((column) => !ONLY_RUNNING.has(column)) : STATS;
    // `UP 1/3` is one that was not checked yet. Ids are compared where they matter.
    const ids = row.get('pxname')?.startsWith('id_') ? ['sid'] : [];
    const values = [...shown, ...ids].map(
      (column) => `${column}=${row.get(column)?.replace(/ \d.*/, '') ?? '-'}`,
    );
    return `${row.get('pxname')}/${row.get('svname')} ${values.join(' ')}`;
  });
  return [...states, ...counters].sort();
}

function table(text: string, separator: string): Map<string, string>[] {
  const [head = '', ...rows] = text.split('\n').filter((row) => row.trim() !== '');
  const columns = head.replace(/^# /, '').split(separator);
  return rows.map((row) => {
    const cells = row.split(separator);
    return new Map(columns.map((column, index) => [column, cells[index] ?? '']));
  });
}
