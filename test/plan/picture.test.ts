import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextPicture, sectionText, takePicture } from '../../src/plan/picture.ts';
import { Planner, plan } from '../../src/plan/planner.ts';
import { readWords } from '../../src/plan/words.ts';
import { withBackend } from './golden.ts';

/** Lines that may begin a section, or only look like it, and so few that edits meet each other. */
const line = fc.constantFrom(
  ...[
    'backend b',
    ' backend bc',
    'back"end" b',
    'backend',
    'global',
    '  server a 10.0.0.1:80',
    '  server b 10.0.0.2:80',
  ],
  ...[
    '# backend x',
    'backendx',
    'defaults',
    '.if x',
    '.endif',
    '',
    'x \\',
    '  track',
    'listen l # x',
    'mailers',
  ],
);
/** Texts of lines, now and then cut in the middle of one. */
const texts = fc
  .tuple(fc.array(line, { maxLength: 14 }), fc.nat({ max: 12 }), fc.boolean())
  .map(([lines, cut, whole]) =>
    whole ? `${lines.join('\n')}\n` : lines.join('\n').slice(0, -cut || undefined),
  );
/** A text and the same with a part replaced. */
const edits = fc
  .tuple(texts, texts, fc.nat({ max: 99 }), fc.nat({ max: 99 }))
  .map(([text, part, from, length]) => {
    const at = Math.floor((from / 100) * text.length);
    return [
      text,
      text.slice(0, at) + part + text.slice(at + Math.floor((length / 100) * (text.length - at))),
    ] as const;
  });

test('looking only at what differs finds the same sections as looking at the whole', () => {
  fc.assert(
    fc.property(fc.oneof(edits, fc.tuple(texts, texts)), ([before, after]) => {
      const old = takePicture(before);
      const { next, from, oldEnd, nextEnd } = nextPicture(old, after);
      expect(next).toEqual(takePicture(after));
      for (let at = 0; at < from; at++) {
        expect(sectionText(old, at)).toBe(sectionText(next, at));
      }
      expect(old.sections.length - oldEnd).toBe(next.sections.length - nextEnd);
      for (let at = oldEnd; at < old.sections.length; at++) {
        expect(sectionText(old, at)).toBe(sectionText(next, at - oldEnd + nextEnd));
      }
    }),
    { numRuns: 2000 },
  );
});

test('a text with other lines for HAProxy is never unchanged, and one with the same always is', () => {
  const read = (text: string) =>
    text
      .split('\n')
      .map((one) => readWords(one).words.join(' '))
      .filter((one) => one !== '');
  fc.assert(
    fc.property(edits, ([before, after]) => {
      const made = plan(before, after, { version: '3.0' });
      const [old, next] = [read(before), read(after)];
      if (old.join() === next.join()) {
        expect(made).toEqual({ kind: 'unchanged' });
      }
      if (old.sort().join() !== next.sort().join()) {
        expect(made.kind).not.toBe('unchanged');
      }
    }),
    { numRuns: 1000 },
  );
});

test('a planner that moves on plans the same as one that begins with each text', () => {
  fc.assert(
    fc.property(fc.array(edits, { minLength: 1, maxLength: 5 }), fc.boolean(), (steps, planFirst) => {
      const planner = new Planner(steps[0]?.[0] ?? '', { version: '2.6' });
      for (const [next, other] of steps) {
        planner.plan(other);
        if (planFirst) {
          planner.plan(next);
        }
        planner.moveTo(next);
        expect(planner.text).toBe(next);
        expect(planner.plan(other)).toEqual(plan(next, other, { version: '2.6' }));
      }
    }),
    { numRuns: 300 },
  );
});

test('a plan changes nothing of the planner', () => {
  const one = withBackend('server a 10.0.0.1:80');
  const planner = new Planner(one, { version: '3.0' });
  const first = planner.plan(withBackend('server a 10.0.0.2:80'));
  expect(planner.plan(withBackend('server a 10.0.0.2:80'))).toEqual(first);
  expect(planner.plan(one)).toEqual({ kind: 'unchanged' });
  expect(planner.text).toBe(one);
});
