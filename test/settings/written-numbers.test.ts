import { expect, test } from 'vitest';
import { parseSettingsFile } from '../../src/settings/settings-file.ts';
import { render } from '../support/render.ts';

test('numbers of vars reach a template as they are written', async () => {
  const text = 'vars: { version: 1.10, id: 12345678901234567890, deep: { list: [1e3, 0x10] }, n: 5 }\n';
  const { raw } = parseSettingsFile('/p.yaml', text);
  const vars = raw.vars as Record<string, unknown>;
  expect(
    await render('{{ vars.version }} {{ vars.id }} {{ vars.deep.list | join(" ") }} {{ vars.n + 1 }}', {
      vars,
    }),
  ).toBe('1.10 12345678901234567890 1e3 16 6');
});
