import { expect, test } from 'vitest';
import { freePort } from './free-port.ts';
import { startProcess, waitFor } from './haproxy.ts';

const MODULE = new URL('free-port.ts', import.meta.url).href;
/** Takes ports, says which, and stays. */
const OTHER = `
  const { freePort } = await import(${JSON.stringify(MODULE)});
  const ports = [];
  for (let n = 0; n < 300; n++) ports.push(await freePort());
  console.log(JSON.stringify(ports));
  setInterval(() => {}, 1000);
`;

test('freePort() gives no port twice, and none that another process was given', async () => {
  await using other = await startProcess(process.execPath, ['--input-type=module', '-e', OTHER]);
  const theirs = await waitFor(() => /^\[.*\]$/m.exec(other.output())?.[0]);
  const mine = await Promise.all(Array.from({ length: 300 }, freePort));
  const all = [...mine, ...(JSON.parse(theirs) as number[])];
  expect(new Set(all).size).toBe(600);
});
