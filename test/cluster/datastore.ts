import type { Lab } from './lab.ts';
import { type Machine, openMachine } from './machine.ts';

/** The port of the datastore, on its machine and on every host's HAProxy. */
export const DATASTORE_PORT = 5432;

const PROGRAM = `require('net').createServer((s) => s.on('error', () => {}).end(process.argv[1])).listen(${DATASTORE_PORT})`;

/** A machine of the datastore, which says its name to everybody who connects. */
export async function openDatastore(lab: Lab, name: string, number: number): Promise<Machine> {
  const machine = await openMachine(lab, name, number);
  await machine.start(process.execPath, ['-e', PROGRAM, name]);
  return machine;
}
