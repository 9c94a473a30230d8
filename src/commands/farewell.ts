import { PointsmanError } from '../errors.ts';
import type { Bus } from '../events.ts';

/**
 * Says why the daemon ends where nobody asked it to, once per error, and what becomes of HAProxy: that goes on. From
 * now on it follows the events, to know whether there is one.
 */
export function farewellOf(bus: Bus, mode: string): (error: unknown) => void {
  let master: number | null = null;
  bus.subscribe((event) => {
    if (event.kind === 'haproxy-started' || event.kind === 'haproxy-adopted') {
      master = event.pid;
    } else if (event.kind === 'haproxy-exited') {
      master = null;
    }
  });
  const told = new Set<unknown>();
  return (error) => {
    if (told.has(error)) {
      return;
    }
    told.add(error);
    const isBug = !(error instanceof PointsmanError);
    const stack = isBug && error instanceof Error ? (error.stack ?? null) : null;
    const message =
      error instanceof Error ? `${isBug ? `${error.name}: ` : ''}${error.message}` : String(error);
    bus.emit({ kind: 'crashed', message, stack, haproxy: mode === 'managed' ? master : null });
  };
}
