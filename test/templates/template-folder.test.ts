import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { TemplateFolder } from '../../src/templates/template-folder.ts';

let root: string;
let folder: string;
let entry: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'templates-'));
  folder = join(root, 'templates');
  entry = join(folder, 'main.njk');
  await mkdir(join(folder, 'parts'), { recursive: true });
  await writeFile(entry, 'one\n');
});
afterEach(() => rm(root, { recursive: true }));

/** The texts of the folder itself. */
function own(set: TemplateSet): Record<string, string> {
  return Object.fromEntries([...set.files].filter(([name]) => !name.startsWith('pointsman/')));
}

describe('read()', () => {
  it('gives every text of the folder by its relative path', async () => {
    await writeFile(join(folder, 'parts', 'http.njk'), 'http\n');
    await writeFile(join(folder, '503.http'), 'sorry\r\n');
    await writeFile(join(folder, '.hidden'), 'x');
    await mkdir(join(folder, '.git'));
    await writeFile(join(folder, '.git', 'config'), 'x');
    await writeFile(join(folder, 'binary'), Buffer.from([0xff, 0xfe, 0]));
    await writeFile(join(folder, 'large'), 'x'.repeat(1024 * 1024));
    await symlink(join(folder, '503.http'), join(folder, 'link'));
    const set = await new TemplateFolder(entry).read();
    expect([set.folder, set.entry]).toEqual([folder, 'main.njk']);
    expect(own(set)).toEqual({
      'main.njk': 'one\n',
      'parts/http.njk': 'http\n',
      '503.http': 'sorry\r\n',
      link: 'sorry\r\n',
    });
  });

  it('adds the packaged template, to be extended', async () => {
    const { files } = await new TemplateFolder(entry).read();
    expect(files.get('pointsman/haproxy.cfg.njk')).toContain('{% block');
  });

  it('says what to do where the template is missing', async () => {
    await expect(new TemplateFolder(join(folder, 'mian.njk')).read()).rejects.toMatchObject({
      name: 'TemplateError',
      message: `reading the template ${join(folder, 'mian.njk')}: it does not exist`,
      hint: expect.stringContaining('in that folder: main.njk'),
    });
    await expect(new TemplateFolder('/nowhere/a.njk').read()).rejects.toThrow('it does not exist');
    await expect(new TemplateFolder(folder).read()).rejects.toThrow('it is a folder');
  });

  it('says so where the template is no text or may not be read', async () => {
    await writeFile(entry, Buffer.from([0xff, 0xfe]));
    await expect(new TemplateFolder(entry).read()).rejects.toThrow('it is no text in UTF-8');
    await chmod(entry, 0);
    if (process.getuid?.() !== 0) {
      await expect(new TemplateFolder(entry).read()).rejects.toMatchObject({ name: 'SystemError' });
    }
  });

  it('refuses a folder that is no folder of templates', async () => {
    await Promise.all(Array.from({ length: 1001 }, (_, i) => writeFile(join(folder, `${i}`), '')));
    await expect(new TemplateFolder(entry).read()).rejects.toMatchObject({
      name: 'SystemError',
      message: expect.stringContaining('more than 1000 files'),
    });
  });

  it('follows a link to a folder, wherever that is, but not one that leads back', async () => {
    const other = join(root, 'other');
    await mkdir(join(other, 'deep'), { recursive: true });
    await writeFile(join(other, 'deep', 'a.njk'), 'a\n');
    await symlink(other, join(folder, 'linked'));
    await symlink(folder, join(folder, 'parts', 'back'));
    await symlink(join(root, 'nowhere'), join(folder, 'broken'));
    expect(own(await new TemplateFolder(entry).read())).toEqual({
      'main.njk': 'one\n',
      'linked/deep/a.njk': 'a\n',
    });
  });
});

describe('watch()', () => {
  /** Follows the folder while `work` goes on; `next` gives the next set, and fails where there is none in time. */
  async function follow(work: (next: () => Promise<Record<string, string>>) => Promise<void>) {
    const stop = new AbortController();
    const sets = new TemplateFolder(entry).watch(stop.signal);
    try {
      await work(async () => {
        const { value } = await sets.next();
        if (value instanceof Error) {
          return { error: value.message };
        }
        return value === undefined ? {} : own(value);
      });
    } finally {
      stop.abort();
      expect(await sets.next()).toEqual({ done: true, value: undefined });
    }
  }

  it('gives a set at once and again after a change of any file', async () => {
    await follow(async (next) => {
      expect(await next()).toEqual({ 'main.njk': 'one\n' });
      await writeFile(entry, 'two\n');
      expect(await next()).toEqual({ 'main.njk': 'two\n' });
      await writeFile(join(folder, 'parts', 'a.njk'), 'a\n');
      expect(await next()).toEqual({ 'main.njk': 'two\n', 'parts/a.njk': 'a\n' });
      await rm(join(folder, 'parts', 'a.njk'));
      expect(await next()).toEqual({ 'main.njk': 'two\n' });
    });
  });

  it('sees a file that an editor renamed over the old one, time and again', async () => {
    await follow(async (next) => {
      await next();
      for (const text of ['two\n', 'three\n', 'four\n']) {
        await writeFile(join(folder, 'main.njk~'), text);
        await rename(join(folder, 'main.njk~'), entry);
        expect((await next())['main.njk']).toBe(text);
      }
    });
  });

  it('waits for the end of a save in pieces', async () => {
    await follow(async (next) => {
      await next();
      await writeFile(entry, '');
      for (const text of ['a', 'ab', 'abc', 'abc\n']) {
        await writeFile(entry, text);
      }
      expect(await next()).toEqual({ 'main.njk': 'abc\n' });
    });
  });

  it('waits out a template that is gone or empty, and a folder that is replaced', async () => {
    await follow(async (next) => {
      await next();
      await rm(entry);
      const back = next();
      await writeFile(entry, '');
      await writeFile(entry, 'back\n');
      expect(await back).toEqual({ 'main.njk': 'back\n' });

      const replaced = next();
      await rename(folder, join(root, 'old'));
      await mkdir(folder);
      await writeFile(entry, 'new folder\n');
      expect(await replaced).toEqual({ 'main.njk': 'new folder\n' });
      await writeFile(entry, 'still watched\n');
      expect(await next()).toEqual({ 'main.njk': 'still watched\n' });
    });
  });

  it('sees changes behind a link to a folder', async () => {
    await mkdir(join(root, 'other'));
    await writeFile(join(root, 'other', 'a.njk'), 'a\n');
    await symlink(join(root, 'other'), join(folder, 'linked'));
    await symlink(folder, join(folder, 'parts', 'back'));
    await follow(async (next) => {
      expect(await next()).toEqual({ 'main.njk': 'one\n', 'linked/a.njk': 'a\n' });
      await writeFile(join(root, 'other', 'a.njk'), 'b\n');
      expect(await next()).toEqual({ 'main.njk': 'one\n', 'linked/a.njk': 'b\n' });
    });
  });

  it('tells once of a template that stays away or empty, and gives it again when it is back as it was', async () => {
    await follow(async (next) => {
      await next();
      await rm(entry);
      expect(await next()).toEqual({ error: `reading the template ${entry}: it does not exist` });
      await writeFile(entry, '');
      expect(await next()).toEqual({ error: `reading the template ${entry}: it is empty` });
      await writeFile(entry, 'one\n');
      expect(await next()).toEqual({ 'main.njk': 'one\n' });
    });
  });

  it('gives what was saved while another file of the folder is written all the time', async () => {
    await follow(async (next) => {
      await next();
      let lines = 0;
      const busy = setInterval(() => void writeFile(join(folder, 'a.log'), `${lines++}\n`), 20);
      try {
        await writeFile(entry, 'two\n');
        let seen = await next();
        while (seen['main.njk'] !== 'two\n') {
          seen = await next();
        }
      } finally {
        clearInterval(busy);
      }
    });
  });

  it('waits for a template that is not there yet', async () => {
    await rm(folder, { recursive: true });
    await follow(async (next) => {
      const first = next();
      await mkdir(folder);
      await writeFile(entry, 'here\n');
      expect(await first).toEqual({ 'main.njk': 'here\n' });
    });
  });

  it('gives nothing where a save changes nothing, and ends when it is told to', async () => {
    await follow(async (next) => {
      await next();
      await writeFile(entry, 'one\n');
      const later = next();
      await writeFile(join(folder, 'b.njk'), 'b\n');
      expect(await later).toEqual({ 'main.njk': 'one\n', 'b.njk': 'b\n' });
    });
  });
});
