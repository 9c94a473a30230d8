import { expect, test } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import { publishOver } from '../../src/rollout/kept-edits.ts';
import { FakeFile, recorder } from '../reconcile/fakes.ts';

function setUp() {
  const [file, said] = [new FakeFile(), recorder()];
  const publish = (known: string | null, text: string) => publishOver(known, text, { file, emit: said.emit });
  return { file, said, publish };
}

test('an edit that publishing replaces is kept, and its diff to what lay there before is told', async () => {
  const { file, said, publish } = setUp();
  await publish(null, 'a\nb\n');
  file.edit('a\nmine\n');
  await publish('a\nb\n', 'a\nc\n');
  expect([file.text, file.edits]).toEqual(['a\nc\n', ['a\nmine\n']]);
  expect(said.events).toMatchObject([{ kind: 'hand-edit', kept: '/state/hand-edits/1.cfg' }]);
  expect(said.events[0]?.kind === 'hand-edit' && said.events[0].diff).toContain('\n-b\n+mine');
});

test('what was read, what is the same, and what comes to the same is no edit', async () => {
  const { file, said, publish } = setUp();
  file.edit('theirs\n');
  await publish('theirs\n', 'one\n');
  file.edit('one\n');
  await publish('one\n', 'two\n');
  file.edit('three\n');
  await publish('two\n', 'three\n');
  expect([said.events, file.edits]).toEqual([[], []]);
});

test('an edit that cannot be kept is told all the same', async () => {
  const { file, said, publish } = setUp();
  await publish(null, 'one\n');
  file.edit('mine\n');
  file.keepEdit = async () => {
    throw new SystemError('keeping: no space left', { hint: 'Free some.' });
  };
  await publish('one\n', 'two\n');
  expect(said.kinds()).toEqual(['notice', 'hand-edit']);
});
