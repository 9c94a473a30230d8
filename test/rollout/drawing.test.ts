import { expect, test } from 'vitest';
import type { CompiledTemplate } from '../../src/render/compile-template.ts';
import { Drawing } from '../../src/rollout/drawing.ts';
import { servedAndDrawing } from '../reconcile/fakes.ts';

const CONTEXT = {
  node: { hostname: 'h', env: {} },
  haproxy: { version: '', statsSocket: '', masterSocket: '', serverState: '' },
  vars: {},
};

test('what a search draws may take the whole limit until a text was good, and from then on far less', async () => {
  const { served } = servedAndDrawing(() => {});
  served.fill([]);
  const drawing = new Drawing({ context: CONTEXT, renderLimit: 400, emit: () => {} });
  await drawing.templates.set({
    ...{ folder: '/t', entry: 'a.njk' },
    files: new Map([['a.njk', 'global\n']]),
  });
  const endless = {
    render: (_: unknown, run: (work: () => string) => Promise<string>) =>
      run(() => {
        for (;;) {}
      }),
  } as unknown as CompiledTemplate;
  const search = () => drawing.tryRender(served.catalog, endless, new AbortController().signal);
  await drawing.draw(served.toDraw());
  await expect(search()).rejects.toThrow('rendering takes longer than 400ms');
  drawing.accepted();
  await expect(search()).rejects.toThrow('rendering takes longer than 10 times what the last good text took');
});
