import { type HealthOptions, watchHealth } from '../announce/health.ts';
import type { Registration } from '../announce/registration.ts';
import { SystemError } from '../errors.ts';
import { aborted } from '../ports/clock.ts';
import { type AnnounceParts, registrarFor } from './announce-parts.ts';
import { bounded } from './bounded.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

export interface OnceOptions {
  readonly registration: Registration;
  /** Null where it is not checked. */
  readonly check: HealthOptions | null;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Registers, once it is well, and ends: the key stays for as long as its lease, which the next call takes up. Throws a
 * `SystemError` where another owner holds the key, etcd refuses it, or it is not done in `timeout`.
 */
export function announceOnce(parts: AnnounceParts, options: OnceOptions): Promise<ExitCode> {
  const of = { verb: 'announce', timeout: options.timeout };
  return bounded(parts.io, of, (inner) => register(inner, parts, options));
}

async function register(
  io: Io,
  parts: AnnounceParts,
  { registration, check }: OnceOptions,
): Promise<ExitCode> {
  if (check !== null) {
    await whenWell(check, io);
  }
  io.waitsFor(`etcd (${parts.access.endpoints.join(', ')})`);
  const registrar = registrarFor(parts, registration.meta.owner ?? '');
  await Promise.race([registrar.want([registration]), aborted(io.signal)]);
  const [held] = registrar.state.held;
  const [refused] = registrar.state.refused;
  await registrar.close({ leave: false });
  io.signal.throwIfAborted();
  if (held) {
    throw new SystemError(`registering ${held[0]}: it is ${held[1]}`, {
      hint: 'Give this instance another name with --instance, or stop the other one.',
    });
  }
  if (refused) {
    throw new SystemError(`registering ${refused[0]}: ${refused[1]}`, {
      hint: 'The log says what would let it.',
    });
  }
  return EXIT.fine;
}

async function whenWell(check: HealthOptions, { signal, waitsFor }: Io): Promise<void> {
  const found = new AbortController();
  await watchHealth(
    check,
    (health) => {
      if (health.kind === 'well') {
        found.abort();
      } else {
        waitsFor(`the check to be good (${health.reason})`);
      }
    },
    AbortSignal.any([signal, found.signal]),
  );
  signal.throwIfAborted();
}
