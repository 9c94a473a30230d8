import type { SoakResult } from './soak.ts';

const SHOWN = 20;

/** A few lines for people. */
export function reportOf(result: SoakResult): string {
  const { growth, problems } = result;
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([what, count]) => `${what} ${count}`).join(', ');
  const total = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((sum, one) => sum + one, 0);
  const excused = [...new Set(result.forgiven.map(({ what }) => what))].join('; ');
  const forgiven =
    result.forgiven.length > 0 ? `, ${result.forgiven.length} met an instance in its death (${excused})` : '';
  return [
    `seed ${result.seed}, ${Math.round(result.seconds)} s`,
    `requests: ${result.answered} answered, ${result.failures.length} failed${forgiven}; slowest ${Math.round(result.slowest)} ms`,
    `changes: ${total(result.changes)} (${list(result.changes)})`,
    `faults: ${total(result.faults)} (${list(result.faults)})`,
    `passes: ${list(new Map([...result.outcomes].filter(([, count]) => count > 0)))}`,
    `HAProxy: ${result.reloads} reloads, ${result.failedReloads} of them failed`,
    growth === null
      ? 'Pointsman: not measured'
      : `Pointsman (last life, ${Math.round(growth.seconds)} s): RSS ${growth.rssMb.first} MB in its first half, ${growth.rssMb.second} MB in its second, ${growth.rssMb.most} MB at most; descriptors ${growth.descriptors.begin}, then ${growth.descriptors.end}; HAProxy's master ${growth.masterDescriptors.begin}, then ${growth.masterDescriptors.end}`,
    problems.length === 0 ? 'every promise was kept' : `BROKEN PROMISES: ${problems.length}`,
    ...problems.slice(0, SHOWN).map((one) => `  ${one}`),
    ...(problems.length > SHOWN ? [`  and ${problems.length - SHOWN} more`] : []),
  ].join('\n');
}
