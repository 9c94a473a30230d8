import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AnnounceEvent } from '../../src/announce/events.ts';
import { tellOfRestart } from '../../src/commands/announce-restart.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { waitFor } from '../support/haproxy.ts';

test('announce says once what of its settings changed in the file and needs a restart, and nothing of what it does not go by', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-announce-'));
  const end = new AbortController();
  try {
    const configPath = join(folder, 'pointsman.yaml');
    const write = (more: string) =>
      writeFileSync(configPath, `sources: [{ etcd: { endpoints: [http://127.0.0.1:1] } }]\n${more}`);
    write('');
    const load = () => loadSettings({ configPath, env: {}, cwd: folder });
    const said: string[] = [];
    const tell = (event: AnnounceEvent) => void said.push('message' in event ? event.message : event.kind);
    tellOfRestart({ settings: await load(), load, tell, every: 20, signal: end.signal });
    const heard = (words: string) =>
      waitFor(() => said.some((one) => one.includes(words)), { what: words, timeout: 30_000 });
    write('guard: { hold: 1m }\n');
    write('guard: { hold: 1m }\nannounce: { rise: 7 }\n');
    await heard('needs a restart of this: announce.rise');
    write('announce: { rise: 0 }\nguard: { hold: 1m }\n#\n');
    await heard('announce.rise: found the number 0');
    expect(said).toHaveLength(2);
  } finally {
    end.abort();
    rmSync(folder, { recursive: true });
  }
});
