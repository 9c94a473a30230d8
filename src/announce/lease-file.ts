import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PointsmanError } from '../errors.ts';
import { readText } from '../system/read-text.ts';
import { writeWhole } from '../system/write-whole.ts';

/** The lease of a registrar, between two lives of it. */
export interface KeptLease {
  /** Decimal. */
  readonly lease: string;
  /** The seconds that were asked for. */
  readonly asked: number;
}

/** Where it is kept. A file that cannot be read or written is told once, and hinders nothing. */
export interface LeaseFile {
  read(): Promise<KeptLease | null>;
  write(kept: KeptLease): Promise<void>;
  remove(): Promise<void>;
}

const VERSION = 1;

/** The file in `stateDir` of whoever registers for `owner`. */
export function createLeaseFile(
  stateDir: string,
  owner: string,
  onTrouble: (error: PointsmanError) => void,
): LeaseFile {
  const name = createHash('sha256').update(owner).digest('hex').slice(0, 16);
  const file = path.join(stateDir, `announce-${name}`);
  let isTold = false;
  const attempt = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      if (!isTold) {
        isTold = true;
        onTrouble(error);
      }
      return otherwise;
    }
  };
  return {
    read: () => attempt(async () => parse(await readText(file)), null),
    write: ({ lease, asked }) =>
      attempt(async () => {
        await mkdir(stateDir, { recursive: true, mode: 0o750 }).catch(() => undefined);
        await writeWhole(file, `${JSON.stringify({ version: VERSION, lease, asked, owner })}\n`, {
          mode: 0o640,
          // After a power cut the key is taken over by its owner all the same.
          outlives: 'our crash',
          doing: `writing ${file}`,
        });
      }, undefined),
    remove: () => attempt(() => rm(file, { force: true }), undefined).catch(() => undefined),
  };
}

/** What a newer one wrote, or what is broken, is none: the lease then runs out by itself. */
function parse(text: string | null): KeptLease | null {
  try {
    const { version, lease, asked }: Record<string, unknown> = JSON.parse(text ?? 'null') ?? {};
    const fits = version === VERSION && typeof lease === 'string' && /^[1-9]\d*$/.test(lease);
    return fits ? { lease, asked: Number(asked) } : null;
  } catch {
    return null;
  }
}
