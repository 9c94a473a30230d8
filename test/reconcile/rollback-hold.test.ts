import { describe, expect, test, vi } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import type { EventOf, PointsmanEvent } from '../../src/events.ts';
import { hashText, splitMark } from '../../src/plan/mark.ts';
import type { PassTexts } from '../../src/ports/ledger.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';
import type { RollbackNote, RollbackWish } from '../../src/ports/stores.ts';
import type { Templates } from '../../src/ports/templates.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import { RollbackHold } from '../../src/reconcile/rollback-hold.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import type { Rollback, RolledBack } from '../../src/rollout/rollback.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from './fakes.ts';
import { pushable } from './pushable.ts';

const PATIENT = { timeout: 20_000 };

const templateOf = (frame: string) => `global
  frame ${frame}
  limit {{ getv("/haproxy/limit", "1") }}
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}
{% endfor %}
`;

/** What an entry of before held. */
const OLD = 'global\n  frame old\n  limit 1\nbackend be_web\n  server a 10.9.9.9:80\n';

const wishOf = (more: Partial<RollbackWish> = {}): RollbackWish => ({
  ...{ number: 41, mode: 'today', since: 1000, until: null, by: 'uid 7' },
  ...{ hash: hashText(OLD), text: OLD },
  ...more,
});

/** A note in memory, which may be broken. */
class FakeNote implements RollbackNote {
  wish: RollbackWish | null = null;
  error: SystemError | null = null;

  async read() {
    if (this.error) {
      throw this.error;
    }
    return this.wish;
  }
  async write(wish: RollbackWish) {
    this.wish = wish;
  }
  async clear() {
    const before = this.wish;
    this.wish = null;
    return before;
  }
}

function setUp(note = new FakeNote()) {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const setOf = (text: string) => ({ folder: '/t', entry: 'a.njk', files: new Map([['a.njk', text]]) });
  const source: Source = { name: 'fake', read: async () => [], watch: events.watch };
  const templates: Templates = { read: async () => setOf(templateOf('v1')), watch: sets.watch };
  const file = new FakeFile();
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  judge.verdict = (text) => {
    const lines = text.split('\n').flatMap((line, at) => (/\bbad\b/.test(line) ? [at + 1] : []));
    const output = lines.map((line) => `[ALERT] (1) : config : parsing [/h.cfg:${line}] : 'bad'.`).join('\n');
    return lines.length === 0 ? { kind: 'accepted', warnings: '' } : { kind: 'refused', output, lines };
  };
  const { emit } = said;
  const { served, drawing } = servedAndDrawing(emit);
  const noted: PassTexts[] = [];
  const loop = new Reconciler({
    ...{ source, templates, served, drawing, judge, file, haproxy, emit },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 0 },
    quarantine: { retry: 50 },
    rollback: note,
    ledger: { note: (texts) => void noted.push(texts) },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  let revision = 1n;
  sets.push(setOf(templateOf('v1')));
  const put = (...all: readonly ReturnType<typeof entry>[]) =>
    events.push({
      kind: 'changes',
      changes: all.map((one) => ({ kind: 'put', entry: one })),
      revision: revision++,
    });
  events.push({ kind: 'snapshot', entries: [WEB], revision: revision++ });
  return {
    ...{ note, judge, said, noted, file, haproxy, loop, put },
    template: (frame: string) => sets.push(setOf(templateOf(frame))),
    runs: (holds: (text: string) => boolean, what: string) =>
      waitFor(
        () => {
          const { text, mark } = splitMark(file.text ?? '');
          return holds(text) && haproxy.mark === mark;
        },
        { ...PATIENT, what },
      ),
    text: () => splitMark(file.text ?? '').text,
    of: <K extends PointsmanEvent['kind']>(kind: K) =>
      said.events.filter((event): event is EventOf<K> => event.kind === kind),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

const WEB = entry('/services/web/a', '10.0.0.1:80', 1);
const frame = (name: string) => (text: string) => text.includes(`frame ${name}`);

describe('while an older text is put back', () => {
  test('nothing of the template goes out, and what went out says in whose name', async () => {
    await using it = setUp();
    await it.runs(frame('v1'), 'v1');
    it.note.wish = wishOf();
    await it.runs(frame('old'), 'the old text');
    expect(it.text()).toBe(OLD.replace('10.9.9.9', '10.0.0.1'));
    it.template('v2');
    it.put(entry('/services/web/b', '10.0.0.2:80', 2));
    await it.runs((text) => text.includes('10.0.0.2'), 'a new server');
    expect(it.text()).toContain('frame old');
    it.put(entry('/services/shop/s', '10.0.0.3:80', 3));
    await waitFor(() => it.of('rollback').some(({ absent }) => absent.includes('be_shop')), PATIENT);
    it.note.wish = null;
    await it.runs((text) => frame('v2')(text) && text.includes('be_shop'), 'v2');
    expect(it.of('rollback-over')).toEqual([
      { kind: 'rollback-over', number: 41, cause: 'it was taken back' },
    ]);
    const rolledBack = it.noted.filter(({ rollback }) => rollback !== null);
    expect(rolledBack[0]?.rollback).toMatchObject({ number: 41, by: 'uid 7' });
    expect(it.noted.at(-1)?.rollback).toBeNull();
  });

  test('it is so from the first pass on where it held before a restart', async () => {
    const note = new FakeNote();
    note.wish = wishOf();
    await using it = setUp(note);
    await it.runs(frame('old'), 'the old text');
    expect(it.judge.asked.filter(frame('v1'))).toEqual([]);
  });

  test('one whose time is over before a start never holds', async () => {
    const note = new FakeNote();
    note.wish = wishOf({ mode: 'exact', until: Date.now() - 1 });
    await using it = setUp(note);
    await it.runs(frame('v1'), 'v1');
    expect(it.judge.asked.filter(frame('old'))).toEqual([]);
    expect(note.wish).toBeNull();
  });

  test('as it was, servers whose addresses another service has are left out for as long as it has them, and it ends by itself', async () => {
    await using it = setUp();
    await it.runs(frame('v1'), 'v1');
    it.note.wish = wishOf({ mode: 'exact', until: Date.now() + 3_600_000 });
    await it.runs((text) => text === OLD, 'the very text');
    it.put(entry('/services/shop/s', '10.9.9.9:80', 2));
    await it.runs((text) => text === OLD.replace('  server a 10.9.9.9:80\n', ''), 'the text without it');
    await waitFor(
      () => it.of('rollback').some(({ leftOut }) => leftOut.includes('be_web/a 10.9.9.9:80 (of shop)')),
      PATIENT,
    );
    it.put(entry('/services/shop/s', '10.9.9.8:80', 3));
    await it.runs((text) => text === OLD, 'the very text again');
    it.note.wish = wishOf({ mode: 'exact', since: 2000, until: Date.now() + 300 });
    await it.runs(frame('v1'), 'v1');
    expect(it.note.wish).toBeNull();
    expect(it.of('rollback-over').map(({ cause }) => cause)).toEqual(['its time is over']);
  });

  test('that is said again after 10 minutes, and at once where other names are concerned', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const [note, said] = [new FakeNote(), recorder()];
      const drawing = new (class {
        rollback: Rollback | null = null;
        rolledBack: RolledBack | null = null;
        rollBack(rollback: Rollback | null): void {
          this.rollback = rollback;
        }
      })();
      const hold = new RollbackHold({ note, drawing, mailbox: { post: () => {} }, emit: said.emit });
      const looks = async (ms: number) => {
        vi.advanceTimersByTime(ms);
        await hold.look();
        return said.events.length;
      };
      note.wish = wishOf();
      expect([await looks(0), await looks(599_000), await looks(1000), await looks(1000)]).toEqual([
        1, 1, 2, 2,
      ]);
      drawing.rolledBack = drawing.rollback?.putBack('backend be_new\n  server a 10.0.0.1:80\n', []) ?? null;
      expect([await looks(0), await looks(0)]).toEqual([3, 3]);
      expect(said.events.at(-1)).toMatchObject({ kind: 'rollback', emptied: ['be_web'], absent: ['be_new'] });
    } finally {
      vi.useRealTimers();
    }
  });

  test('it goes on where its note cannot be read any more, and that is said once', async () => {
    await using it = setUp();
    it.note.wish = wishOf();
    await it.runs(frame('old'), 'the old text');
    it.note.error = new SystemError('reading it: no');
    await waitFor(() => it.of('notice').length > 0, PATIENT);
    it.put(entry('/services/web/b', '10.0.0.2:80', 2));
    await it.runs((text) => text.includes('10.0.0.2'), 'a new server');
    expect([it.text().includes('frame old'), it.of('notice').length]).toEqual([true, 1]);
  });

  test('a value is not taken for good that is not in the older text: it is set aside as soon as that ends', async () => {
    await using it = setUp();
    await it.runs(frame('v1'), 'v1');
    it.note.wish = wishOf();
    await it.runs(frame('old'), 'the old text');
    it.put(entry('/haproxy/limit', 'bad', 2), entry('/services/web/b', '10.0.0.2:80', 3));
    await it.runs((text) => text.includes('10.0.0.2'), 'a new server');
    it.note.wish = null;
    await it.runs(frame('v1'), 'v1');
    expect(it.of('quarantined').flatMap(({ units }) => units.flatMap(({ keys }) => keys))).toEqual([
      '/haproxy/limit',
    ]);
    expect(it.text()).toContain('10.0.0.2');
  });

  test('a template is not taken for good that is not in the older text: that of before stands in for it', async () => {
    await using it = setUp();
    await it.runs(frame('v1'), 'v1');
    it.note.wish = wishOf();
    await it.runs(frame('old'), 'the old text');
    it.template('bad');
    it.put(entry('/services/web/b', '10.0.0.2:80', 2));
    await it.runs((text) => text.includes('10.0.0.2'), 'a new server');
    it.note.wish = null;
    await it.runs((text) => frame('v1')(text) && text.includes('10.0.0.2'), 'v1');
    expect(it.of('template-error')).toHaveLength(1);
  });

  test('a server that is refused is set aside by itself', async () => {
    await using it = setUp();
    it.note.wish = wishOf();
    await it.runs(frame('old'), 'the old text');
    it.put(entry('/services/web/bad', '10.0.0.2:80', 2), entry('/services/web/c', '10.0.0.3:80', 3));
    await it.runs((text) => text.includes('10.0.0.3'), 'the other one');
    expect([it.text().includes('bad'), it.text().includes('frame old')]).toEqual([false, true]);
  });
});

describe('a rollback that is tried', () => {
  const tried = (it: ReturnType<typeof setUp>, more: Partial<RollbackWish>) =>
    it.loop.tryRollback(wishOf(more), new AbortController().signal);

  test('says what would come of it, and changes nothing', async () => {
    await using it = setUp();
    await it.runs(frame('v1'), 'v1');
    const before = it.file.text;
    expect(await tried(it, {})).toMatchObject({
      kind: 'fine',
      rolledBack: { text: OLD.replace('10.9.9.9', '10.0.0.1'), wish: { number: 41 } },
    });
    expect(await tried(it, { text: OLD.replace('old', 'bad') })).toMatchObject({
      kind: 'refused',
      lines: [2],
    });
    expect(await tried(it, { text: it.text() })).toEqual({ kind: 'same' });
    expect(await tried(it, { text: OLD.replace('be_web', 'be_old') })).toEqual({ kind: 'empty' });
    const conditional = `${OLD}.if feature(OPENSSL)\n  server b 10.0.0.1:80\n.endif\n`;
    expect(await tried(it, { text: conditional })).toEqual({ kind: 'conditional', backends: ['be_web'] });
    expect(await tried(it, { text: conditional, mode: 'exact' })).toMatchObject({ kind: 'fine' });
    expect([it.file.text, it.loop.rollback?.now]).toEqual([before, null]);
  });
});
