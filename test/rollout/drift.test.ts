import { describe, expect, test } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { doubtNow, withAnswer, withFile } from '../../src/rollout/current.ts';
import { CurrentState } from '../../src/rollout/current-state.ts';
import { Drift } from '../../src/rollout/drift.ts';
import { FakeFile, FakeHaproxy, recorder } from '../reconcile/fakes.ts';
import { waitFor } from '../support/haproxy.ts';

async function setUp(installed: string | null, kept: string[] = []) {
  const file = new FakeFile();
  file.text = installed;
  file.kept.push(...kept);
  const [haproxy, said, mailbox] = [new FakeHaproxy(file), recorder(), new Mailbox()];
  const current = new CurrentState('haproxy', () => {});
  current.replace((now) => withFile(now, installed));
  const writer = { owe: async () => {} };
  const drift = new Drift({ file, current, writer, mailbox, emit: said.emit });
  await drift.open();
  const stop = new AbortController();
  const following = drift.follow(stop.signal);
  return {
    file,
    haproxy,
    said,
    mailbox,
    current,
    drift,
    async settle() {
      await drift.putRight();
      return drift.fact;
    },
    async edit(text: string | null) {
      file.edit(text);
      await waitFor(() => mailbox.peek()?.triggers.includes('the file was touched'));
      mailbox.take();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}

const good = withMark('a\nb\n');

describe('Drift', () => {
  test('keeps an edit, tells its diff, and puts the file right', async () => {
    await using site = await setUp(good);
    await site.edit(good.replace('b', 'c'));
    expect(await site.settle()).toEqual({ kind: 'ours' });
    expect([site.file.text, site.file.edits]).toEqual([good, [good.replace('b', 'c')]]);
    const [event] = site.said.events;
    expect(event).toMatchObject({ kind: 'hand-edit', kept: '/state/hand-edits/1.cfg' });
    expect(event?.kind === 'hand-edit' && event.diff).toContain('\n-b\n+c\n');
    expect(await site.settle()).toEqual({ kind: 'ours' });
    expect(site.file.writes).toBe(1);
  });

  test('puts a removed file back, and says nothing where the text is the same', async () => {
    await using site = await setUp(good);
    await site.edit(null);
    await site.drift.putRight();
    expect(site.file.text).toBe(good);
    expect(site.said.events).toMatchObject([
      { kind: 'hand-edit', kept: null, diff: '(the file was removed)' },
    ]);
    await site.edit(good);
    await site.drift.putRight();
    expect(site.said.events).toHaveLength(1);
  });

  test('tries again where the file cannot be written, and tells the edit once', async () => {
    await using site = await setUp(good);
    site.file.failure = new SystemError('writing: no space left', { hint: 'Free some.' });
    await site.edit('mine');
    expect(await site.settle()).toMatchObject({
      kind: 'stuck',
      message: 'writing: no space left; Free some.',
    });
    await site.settle();
    expect(
      site.said.events.flatMap((event) => (event.kind === 'publish-failed' ? [event.retryInMs] : [])),
    ).toEqual([1000, 2000]);
    site.file.failure = undefined;
    expect(await site.settle()).toEqual({ kind: 'ours' });
    expect(site.file.text).toBe(good);
    expect(site.said.kinds().filter((kind) => kind === 'hand-edit')).toHaveLength(1);
  });

  test('finds at the start that a file of ours was edited meanwhile, and puts the last good one back', async () => {
    await using site = await setUp(good.replace('b', 'c'), [good]);
    expect(site.mailbox.peek()?.triggers).toEqual(['the file was edited meanwhile']);
    await site.drift.putRight();
    expect([site.file.text, site.file.edits.length]).toEqual([good, 1]);
    site.haproxy.mark = hashText('a\nb\n');
    const state = await site.haproxy.state();
    site.current.replace((now) => withAnswer(now, state));
    // HAProxy may have loaded the edit: our mark was still in it.
    expect(doubtNow(site.current.now)).toContain('began while the file was edited by hand');
  });

  test("keeps a copy of somebody else's file before it is replaced for the first time", async () => {
    await using site = await setUp('global\n');
    expect(site.file.edits).toEqual(['global\n']);
    expect(site.said.events).toMatchObject([
      { kind: 'notice', message: expect.stringContaining('was not written by Pointsman') },
    ]);
    expect([await site.settle(), site.file.text]).toEqual([{ kind: 'ours' }, 'global\n']);
  });
});
