import { describe, expect, test } from 'vitest';
import { TemplateError } from '../../src/errors.ts';
import { TemplateChoice } from '../../src/rollout/template-choice.ts';
import { recorder } from '../reconcile/fakes.ts';

const setOf = (files: Record<string, string>) => ({
  folder: '/t',
  entry: 'a.njk',
  files: new Map(Object.entries(files)),
});

describe('TemplateChoice', () => {
  test('takes a change of what the template uses, and of nothing else', async () => {
    const said = recorder();
    const choice = new TemplateChoice(said.emit);
    const files = {
      'a.njk': '{% include "b.njk" %}{% include "may-be.cfg" ignore missing %}',
      'b.njk': '{% import "c.njk" as c %}',
      'c.njk': '',
    };
    expect(await choice.set(setOf(files))).toBe(true);
    const first = choice.current;
    expect(await choice.set(setOf({ ...files, 'a.log': 'x', 'other.njk': '{{ broken' }))).toBe(false);
    expect(await choice.set(setOf({ ...files, 'a.log': 'xy' }))).toBe(false);
    expect(choice.current).toBe(first);
    expect(await choice.set(setOf({ ...files, 'c.njk': '{# new #}' }))).toBe(true);
    expect(await choice.set(setOf({ ...files, 'may-be.cfg': '{# there #}' }))).toBe(true);
    expect(said.events).toEqual([]);
  });

  test('takes any .njk where a name is computed', async () => {
    const choice = new TemplateChoice(() => {});
    const files = { 'a.njk': '{% include vars.x %}', 'b.njk': '' };
    expect(await choice.set(setOf(files))).toBe(true);
    expect(await choice.set(setOf({ ...files, 'a.log': 'x' }))).toBe(false);
    expect(await choice.set(setOf({ ...files, 'b.njk': 'x' }))).toBe(true);
  });

  test('says once what is wrong, whatever else changes, and takes the same template again after it', async () => {
    const said = recorder();
    const choice = new TemplateChoice(said.emit);
    expect(await choice.set(setOf({ 'a.njk': 'one' }))).toBe(true);
    expect(await choice.set(setOf({ 'a.njk': '{{ x' }))).toBe(true);
    expect(await choice.set(setOf({ 'a.njk': '{{ x', 'a.log': 'x' }))).toBe(false);
    expect(choice.miss(new TemplateError('gone'))).toBe(true);
    expect(choice.miss(new TemplateError('gone'))).toBe(false);
    expect(await choice.set(setOf({ 'a.njk': 'one' }))).toBe(true);
    expect(said.kinds()).toEqual(['template-error', 'template-error', 'template-mended']);
    expect(choice.error).toBeUndefined();
  });
});
