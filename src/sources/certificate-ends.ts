import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { etcdName } from './etcd-options.ts';
import type { SourceConfig } from './open-sources.ts';

/** Until when a certificate of the settings is good. */
export interface CertificateEnd {
  /** The place of its source in the settings, from 0. */
  readonly source: number;
  /** The name of that. */
  readonly name: string;
  readonly setting: 'tls.ca' | 'tls.cert';
  readonly path: string;
  /** Milliseconds since 1970; null where the file cannot be read as one. */
  readonly ends: number | null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * When the certificates end that connections to etcd would be opened with now. Of a client's own the first of its chain counts,
 * for it is of no use without the others; of the authorities the last, for a file holds the old one beside the new.
 */
export async function certificateEnds(sources: readonly SourceConfig[]): Promise<readonly CertificateEnd[]> {
  const found = sources.flatMap((config, source) => {
    if (config.kind !== 'etcd') {
      return [];
    }
    const { ca, cert } = config.tls ?? {};
    const files = [
      ['tls.ca', ca],
      ['tls.cert', cert],
    ] as const;
    return files.flatMap(([setting, path]) =>
      path === undefined ? [] : [{ source, name: etcdName(config), setting, path }],
    );
  });
  return Promise.all(found.map(async (one) => ({ ...one, ends: await endOf(one.path, one.setting) })));
}

async function endOf(path: string, setting: CertificateEnd['setting']): Promise<number | null> {
  try {
    const texts = (await readFile(path, 'utf8')).match(CERTIFICATE) ?? [];
    const ends = texts.map((text) => Date.parse(new X509Certificate(text).validTo));
    if (ends.length === 0) {
      return null;
    }
    return ends.reduce((a, b) => (setting === 'tls.ca' ? Math.max(a, b) : Math.min(a, b)));
  } catch {
    return null;
  }
}
