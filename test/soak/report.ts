import type { SoakResult } from './soak.ts';

const SHOWN = 20;

/** A few lines for people. */
export function reportOf(result: SoakResult): string {
  const { growth, problems } = result;
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([what, count]) => `${what} ${count}`).join(', ');
  const total = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((sum, one) => sum + one, 0);
  const forgiven = result.forgiven > 0 ? `, ${result.forgiven} met an instance in its death` : '';
  return [
    `seed ${result.seed}, ${Math.round(result.seconds)} s`,
    `requests: ${result.answered} answered, ${result.failures.length} failed${forgiven}; slowest ${Math.round(result.slowest)} ms`,
    `changes: ${total(result.changes)} (${list(result.changes)})`,
    `faults: ${total(result.faults)} (${list(result.faults)})`,
    `passes: ${list(new Map([...result.outcomes].filter(([, count]) => count > 0)))}`,
    `HAProxy: ${result.reloads} reloads, ${result.failedReloads} of them failed`,
    growth === null
      ? 'Pointsman: not measured'
      : `Pointsman (last life, ${Math.round(growth.seconds)} s): RSS ${growth.rssMb.warm} MB warm, ${growth.rssMb.end} MB at the end, ${growth.rssMb.most} MB at most${growth.slope === null ? '' : `, ${growth.slope.toFixed(2)} MB a minute over its second half`}; descriptors ${growth.descriptors.warm}, then ${growth.descriptors.end}; HAProxy's master ${growth.masterDescriptors.warm}, then ${growth.masterDescriptors.end}`,
    problems.length === 0 ? 'every promise was kept' : `BROKEN PROMISES: ${problems.length}`,
    ...problems.slice(0, SHOWN).map((one) => `  ${one}`),
    ...(problems.length > SHOWN ? [`  and ${problems.length - SHOWN} more`] : []),
  ].join('\n');
}
