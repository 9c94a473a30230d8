import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TemplateError } from '../../src/errors.ts';
import type { ServerCommand } from '../../src/plan/plan.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { type Action, decide, goalOf } from '../../src/rollout/decide.ts';
import type { ConfigSet, Desired, Facts, FileFact, Trouble, Way } from '../../src/rollout/facts.ts';

const A: ConfigSet = { text: 'a\n', hash: 'a' };
const B: ConfigSet = { text: 'b\n', hash: 'b' };
const C: ConfigSet = { text: 'c\n', hash: 'c' };

const ours = (set: ConfigSet) => ({ ...set, isOurs: true });
const runs = (mark: string | null): HaproxyState => ({ kind: 'running', pid: 7, mark, version: '3.0' });
const AWAY: HaproxyState = { kind: 'away', cause: 'nobody listens' };
const commands: readonly ServerCommand[] = [
  { kind: 'state', backend: 'be_web', server: 'one', state: 'maint' },
];
const runtime: Way = { kind: 'runtime', commands, reasons: ['1 change of servers'] };
const reload: Way = {
  kind: 'reload',
  part: null,
  reasons: ['backend be_web is new'],
  cause: 'sections',
};
const partly: Way = { ...reload, part: { set: C, commands } };
const refused: Trouble = { kind: 'refused', output: '[ALERT] no', lines: [1], judged: false };
const stays: Trouble = { ...refused, judged: true };
/** What is installed is refused as well. */
const excused: Trouble = { ...stays, excused: true };
const failed: Trouble = { kind: 'failed', message: 'the disk is full' };
const crashed: Trouble = { kind: 'crashed', error: new TypeError('no'), judged: false };
const noTemplate: Desired = { kind: 'template-error', error: new TemplateError('line 3') };
const wanted = (set: ConfigSet): Desired => ({ kind: 'set', set });

/** A is desired, installed and running. */
const GOOD: Facts = {
  target: 'haproxy',
  hold: null,
  file: { kind: 'ours' },
  desired: wanted(A),
  judged: false,
  installed: ours(A),
  haproxy: runs('a'),
  doubt: null,
  owed: false,
  ahead: null,
  recording: null,
  trouble: null,
  retryMs: 900,
  aheadWaitMs: 0,
  way: { kind: 'unknown', reasons: [] },
  paceMs: 0,
  workersMs: 0,
  mendMs: 0,
};
/** B is installed and runs. */
const BEHIND: Partial<Facts> = { installed: ours(B), haproxy: runs('b') };
/** B is installed; the Runtime API made HAProxy run A. */
const AHEAD: Partial<Facts> = { installed: ours(B), ahead: A };

type Row = readonly [title: string, facts: Partial<Facts>, action: Partial<Action> & Pick<Action, 'kind'>];

const pause = { kind: 'pause', until: 5, by: 'pointsman pause' } as const;
const stuck: FileFact = { kind: 'stuck', message: 'the disk is full', retryInMs: 1000 };

const TABLE: readonly Row[] = [
  ['everything as it should be', {}, { kind: 'nothing', isGood: true }],
  ['a pause', { ...BEHIND, hold: pause }, { kind: 'handsOff', why: pause }],
  ['a pause while the file was edited', { hold: pause, file: { kind: 'touched' } }, { kind: 'handsOff' }],
  ['an edited file', { file: { kind: 'touched' } }, { kind: 'putBack' }],
  ['an edited file that cannot be put right', { file: stuck }, { kind: 'handsOff', why: stuck }],
  ['no tree', { desired: { kind: 'nothing', missing: 'keys' } }, { kind: 'wait', for: 'tree' }],

  ['a template that fails', { desired: noTemplate }, { kind: 'quarantine' }],
  ['the same, judged', { desired: noTemplate, judged: true }, { kind: 'wait', for: 'template', ms: 900 }],
  [
    'the same, and HAProxy runs something else',
    { desired: noTemplate, judged: true, haproxy: runs('x') },
    { kind: 'mend', set: ours(A), reasons: ['HAProxy runs the text x'] },
  ],
  [
    'the same, and that failed',
    { desired: noTemplate, judged: true, haproxy: runs('x'), mendMs: 700 },
    { kind: 'wait', for: 'template', ms: 700 },
  ],
  [
    'the same, and HAProxy is ahead',
    { ...AHEAD, desired: noTemplate, judged: true },
    { kind: 'record', set: A },
  ],
  [
    'the same, and that did not become the file just now',
    { ...AHEAD, desired: noTemplate, judged: true, aheadWaitMs: 700 },
    { kind: 'wait', for: 'template', ms: 700 },
  ],
  [
    'the same, and the file is on its way',
    { ...AHEAD, desired: noTemplate, judged: true, recording: 'a' },
    { kind: 'wait', for: 'record' },
  ],

  [
    'the file is right, HAProxy is away',
    { haproxy: AWAY },
    { kind: 'load', reasons: ['HAProxy is away: nobody listens'] },
  ],
  [
    'the file is right, HAProxy is away, another text is on its way to the file',
    { haproxy: AWAY, recording: 'b' },
    { kind: 'wait', for: 'record' },
  ],
  [
    'the file is right, HAProxy runs what is not ours',
    { haproxy: runs(null) },
    { kind: 'load', reasons: ['HAProxy runs a configuration without our mark'] },
  ],
  ['the file is right, HAProxy runs another text', { haproxy: runs('x') }, { kind: 'load' }],
  ['the same, too soon', { haproxy: runs('x'), paceMs: 90 }, { kind: 'wait', for: 'pace', ms: 90 }],
  [
    'the file is right, HAProxy runs another of ours',
    { haproxy: runs('b'), way: runtime },
    { kind: 'runtime', how: 'whole', set: A, reasons: ['HAProxy runs the text b'] },
  ],
  ['the same, by a reload', { haproxy: runs('b'), way: reload }, { kind: 'load', reasons: reload.reasons }],
  ['the same, and a part could go before', { haproxy: runs('b'), way: partly }, { kind: 'load' }],
  [
    'the file is right, the worker is doubted',
    { doubt: 'it began during an edit' },
    { kind: 'load', reasons: ['it began during an edit'] },
  ],
  [
    'the file is right, HAProxy cannot be seen',
    { haproxy: { kind: 'unseen' } },
    { kind: 'nothing', isGood: true },
  ],
  ['the same, and it was not told', { haproxy: { kind: 'unseen' }, owed: true }, { kind: 'load' }],
  ['the file is right, another is on its way to it', { recording: 'b' }, { kind: 'record', set: A }],

  ['no file', { installed: null, haproxy: AWAY }, { kind: 'reload', reasons: ['there is no file yet'] }],
  ['another text', { ...BEHIND }, { kind: 'reload', set: A, reasons: ['the text changed'] }],
  [
    'another text in a file that was edited',
    { installed: { ...A, isOurs: false }, haproxy: runs('b') },
    { kind: 'reload' },
  ],
  ['another text, and HAProxy is away', { ...BEHIND, haproxy: AWAY, paceMs: 90 }, { kind: 'reload' }],
  [
    'another text, by changes of servers',
    { ...BEHIND, way: runtime, paceMs: 90 },
    { kind: 'runtime', how: 'whole', set: A, reasons: runtime.reasons },
  ],
  [
    'another text, in part',
    { ...BEHIND, way: partly, paceMs: 90 },
    { kind: 'runtime', how: 'part', set: C, commands },
  ],
  ['another text, by a reload', { ...BEHIND, way: reload }, { kind: 'reload', reasons: reload.reasons }],
  ['the same, too soon', { ...BEHIND, way: reload, paceMs: 90 }, { kind: 'wait', for: 'pace', ms: 90 }],
  [
    'the same, too soon, and a part went out',
    { ...BEHIND, haproxy: runs('c'), ahead: C, way: reload, paceMs: 90 },
    { kind: 'record', set: C },
  ],
  [
    'the same, and that is on its way',
    { ...BEHIND, haproxy: runs('c'), ahead: C, recording: 'c', way: reload, paceMs: 90 },
    { kind: 'wait', for: 'pace' },
  ],
  [
    'the same, and that failed',
    { ...BEHIND, haproxy: runs('c'), ahead: C, aheadWaitMs: 500, way: reload, paceMs: 90 },
    { kind: 'wait', for: 'pace' },
  ],
  [
    'the same, and old workers are left',
    { ...BEHIND, way: reload, workersMs: 500 },
    { kind: 'wait', for: 'workers', ms: 500 },
  ],
  [
    'a change at run time that went wrong',
    { ...BEHIND, way: { kind: 'unknown', reasons: ['a surprise'] } },
    { kind: 'reload', reasons: ['a surprise'] },
  ],
  [
    'HAProxy runs it, the file does not hold it',
    { installed: ours(B) },
    { kind: 'record', set: A, reasons: ['HAProxy runs it already'] },
  ],
  ['the same, and the file is on its way', { ...AHEAD, recording: 'a' }, { kind: 'nothing', isGood: false }],
  ['the same, and another is on its way', { ...AHEAD, recording: 'c' }, { kind: 'record', set: A }],
  ['the same, and the worker is doubted', { installed: ours(B), doubt: 'odd' }, { kind: 'reload' }],

  ['refused', { ...BEHIND, trouble: refused }, { kind: 'quarantine', refusal: { ...refused, text: A.text } }],
  ['refused, judged', { ...BEHIND, trouble: stays }, { kind: 'wait', for: 'retry', ms: 900 }],
  [
    'refused, as what is installed is, after HAProxy was made to run it',
    { ...AHEAD, trouble: excused, way: runtime },
    { kind: 'wait', for: 'retry', ms: 900 },
  ],
  [
    'refused, as what is installed is, while HAProxy is ahead with another',
    { ...BEHIND, haproxy: runs('c'), ahead: C, trouble: excused, way: runtime },
    { kind: 'record', set: C },
  ],
  ['refused after HAProxy was made to run it', { ...AHEAD, trouble: refused }, { kind: 'quarantine' }],
  [
    'the same, judged',
    { ...AHEAD, trouble: stays, way: runtime },
    { kind: 'takeBack', set: ours(B), commands },
  ],
  [
    'the same, and there is no way back',
    { ...AHEAD, trouble: stays, way: reload },
    { kind: 'mend', set: ours(B) },
  ],
  [
    'refused, and HAProxy runs neither',
    { ...BEHIND, haproxy: runs('x'), trouble: stays },
    { kind: 'mend', set: ours(B) },
  ],
  [
    'the same, and loading it failed',
    { ...BEHIND, haproxy: runs('x'), trouble: stays, mendMs: 300 },
    { kind: 'wait', for: 'retry', ms: 300 },
  ],
  [
    'refused, and HAProxy is away',
    { ...BEHIND, haproxy: AWAY, trouble: stays },
    { kind: 'wait', for: 'retry' },
  ],
  [
    'refused, and nothing is installed',
    { installed: null, haproxy: runs(null), trouble: stays },
    { kind: 'wait', for: 'retry' },
  ],
  [
    'refused, and what is ahead is on its way',
    { ...BEHIND, haproxy: runs('c'), ahead: C, recording: 'c', trouble: stays },
    { kind: 'wait', for: 'record' },
  ],
  ['failed', { ...BEHIND, trouble: failed }, { kind: 'wait', for: 'retry', ms: 900 }],
  ['failed, and HAProxy runs neither', { ...BEHIND, haproxy: runs('x'), trouble: failed }, { kind: 'mend' }],
  [
    'failed, and HAProxy is ahead with another',
    { ...BEHIND, haproxy: runs('c'), ahead: C, trouble: failed },
    { kind: 'record', set: C },
  ],
  ['failed to become the file', { ...AHEAD, trouble: failed }, { kind: 'wait', for: 'retry' }],
  ['failed to load', { haproxy: runs('x'), trouble: failed }, { kind: 'wait', for: 'retry' }],
  [
    'failed, but HAProxy and the file are right by now',
    { trouble: failed },
    { kind: 'nothing', isGood: true },
  ],
  ['crashed', { ...BEHIND, trouble: crashed }, { kind: 'quarantine', refusal: crashed }],
  ['crashed, judged', { ...BEHIND, trouble: { ...crashed, judged: true } }, { kind: 'wait', for: 'retry' }],

  ['mode none: the same', { target: 'file', haproxy: AWAY }, { kind: 'nothing', isGood: true }],
  [
    'mode none: another text',
    { ...BEHIND, target: 'file', haproxy: AWAY, paceMs: 90 },
    { kind: 'publish', set: A },
  ],
];

describe('decide()', () => {
  test.each(TABLE)('%s', (_, facts, action) => {
    expect(decide({ ...GOOD, ...facts })).toMatchObject(action);
  });

  test('has the table hold each action', () => {
    const kinds = new Set(TABLE.map(([, , { kind }]) => kind));
    const all = [
      'wait',
      'handsOff',
      'quarantine',
      'putBack',
      'mend',
      'takeBack',
      'record',
      'publish',
      'load',
      'runtime',
      'reload',
      'nothing',
    ];
    expect([...kinds].sort()).toEqual(all.sort());
  });

  test('has an answer for all facts, and it keeps the promises whatever they are', () => {
    fc.assert(
      fc.property(FACTS, (facts) => {
        const action = decide(facts);
        expect(action).toBeDefined();
        const touches = !['wait', 'handsOff', 'quarantine', 'nothing'].includes(action.kind);
        // A person has the wheel.
        if (facts.hold) {
          expect(action.kind).toBe('handsOff');
        }
        // Nothing is made of an edited file but the right one.
        if (facts.file.kind !== 'ours') {
          expect(touches && action.kind !== 'putBack').toBe(false);
        }
        // There is nobody to tell.
        if (facts.target === 'file') {
          expect(['mend', 'load', 'reload']).not.toContain(action.kind);
        }
        // Reloads keep apart.
        if (facts.paceMs > 0 && facts.haproxy.kind !== 'away') {
          expect(['load', 'reload']).not.toContain(action.kind);
        }
        // What was refused or failed does not go out before its time.
        if (facts.trouble) {
          expect(['publish', 'load', 'runtime', 'reload']).not.toContain(action.kind);
        }
        // What is right is left alone.
        if (action.kind === 'nothing' && action.isGood) {
          expect(facts.desired.kind === 'set' && facts.desired.set.hash).toBe(facts.installed?.hash);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('gives the same answer for the same facts, and changes none', () => {
    fc.assert(
      fc.property(FACTS, (facts) => {
        const before = JSON.stringify(facts);
        expect(decide(facts)).toEqual(decide(facts));
        expect(JSON.stringify(facts)).toBe(before);
      }),
    );
  });
});

describe('goalOf()', () => {
  test('is what is desired, and where that is refused what is installed', () => {
    expect(goalOf({ ...GOOD, ...BEHIND })).toBe(A);
    expect(goalOf({ ...GOOD, ...BEHIND, trouble: stays })).toEqual(ours(B));
    expect(goalOf({ ...GOOD, ...BEHIND, trouble: refused })).toBeNull();
    expect(goalOf({ ...GOOD, ...BEHIND, trouble: excused })).toBeNull();
    expect(goalOf({ ...GOOD, ...BEHIND, trouble: failed })).toBeNull();
    expect(goalOf({ ...GOOD, desired: { kind: 'nothing', missing: 'keys' } })).toBeNull();
  });
});

const SET = fc.constantFrom(A, B, C);
const MS = fc.constantFrom(0, 90);
const FACTS: fc.Arbitrary<Facts> = fc.record({
  target: fc.constantFrom('haproxy', 'file'),
  hold: fc.constantFrom(null, null, null, pause),
  file: fc.constantFrom<FileFact>({ kind: 'ours' }, { kind: 'ours' }, { kind: 'touched' }, stuck),
  desired: fc.oneof(
    { weight: 4, arbitrary: SET.map(wanted) },
    fc.constantFrom<Desired>({ kind: 'nothing', missing: 'keys' }, noTemplate),
  ),
  judged: fc.boolean(),
  installed: fc.option(
    fc.record({ set: SET, isOurs: fc.boolean() }).map(({ set, isOurs }) => ({ ...set, isOurs })),
  ),
  haproxy: fc.constantFrom<HaproxyState>(
    AWAY,
    { kind: 'unseen' },
    runs(null),
    runs('a'),
    runs('b'),
    runs('c'),
  ),
  doubt: fc.constantFrom(null, 'odd'),
  owed: fc.boolean(),
  running: fc.option(SET),
  ahead: fc.option(SET),
  recording: fc.constantFrom(null, 'a', 'b', 'c'),
  trouble: fc.constantFrom<Trouble | null>(null, null, refused, stays, excused, failed, crashed, {
    ...crashed,
    judged: true,
  }),
  retryMs: MS,
  aheadWaitMs: MS,
  way: fc.constantFrom<Way>(
    runtime,
    reload,
    partly,
    { kind: 'unknown', reasons: [] },
    { kind: 'unknown', reasons: ['odd'] },
  ),
  paceMs: MS,
  workersMs: MS,
  mendMs: MS,
});
