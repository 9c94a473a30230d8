import { isThere, type Status } from './status.ts';

/**
 * What is missing until HAProxy runs a verified configuration, in sentences; empty when it does. A newer
 * configuration that is refused or waits does not count: HAProxy goes on with the verified one. Where HAProxy
 * cannot be asked (`unverified`, mode `none`), having told it, or having written the file, is all there is.
 */
export function missingFor(status: Omit<Status, 'missing'>): string[] {
  const { applied, haproxy } = status;
  const missing: string[] = [];
  if (status.life === 'stopping') {
    missing.push('Pointsman is stopping');
  }
  // During a pause HAProxy runs what a person had it load.
  const trusted = status.paused !== null && isThere(haproxy);
  if (applied.kind === 'unknown' && !trusted) {
    missing.push(whyNothing(status));
  }
  if (applied.kind !== 'file' && haproxy.kind === 'away') {
    missing.push(`HAProxy does not answer: ${haproxy.cause}`);
  }
  if (!trusted && applied.kind === 'verified') {
    if (haproxy.kind === 'running' && haproxy.mark !== applied.hash) {
      missing.push(
        `HAProxy runs ${haproxy.mark ?? 'a text without a mark'} and not the verified ${applied.hash}`,
      );
    } else if (haproxy.kind === 'unseen') {
      missing.push(`HAProxy cannot be asked whether it runs the verified ${applied.hash}`);
    }
  }
  return missing;
}

function whyNothing(status: Omit<Status, 'missing'>): string {
  if (status.template.error !== null) {
    return `nothing is applied yet: ${status.template.error}`;
  }
  const error = status.lastPass?.error ?? null;
  const isWaiting = error === null || status.lastPass?.outcome === 'waiting';
  const waiting = status.sources.filter((source) => isWaiting && source.lastData === null);
  const each = waiting.map(
    (source) => `${source.name} is ${source.state}${source.error ? ` (${source.error})` : ''}`,
  );
  const why = [...(error === null ? [] : [error]), ...(each.length === 0 ? [] : [each.join(', ')])];
  return why.length === 0 ? 'nothing is applied yet' : `nothing is applied yet: ${why.join('; ')}`;
}
