import { SourceError } from '../errors.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { Settings } from '../settings/settings.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { catalogOptions } from './assemble.ts';
import { templateVersion } from './haproxy-versions.ts';
import type { Io } from './io.ts';
import { controlOf, drawingOf } from './open.ts';

/** A tree without keys yet and what draws it, for a command that touches nothing. */
export async function previewOf(
  io: Io,
  settings: Settings,
): Promise<{ readonly served: ServedTree; readonly drawing: Drawing }> {
  const emit = () => {};
  const version = await templateVersion(settings, controlOf(settings, emit), io.signal);
  return {
    served: new ServedTree({ catalog: catalogOptions(settings), emit }),
    drawing: drawingOf(settings, { env: io.env, version, emit }),
  };
}

/** The text of a tree. Throws a `TemplateError`, or a `SourceError` where there is nothing to draw. */
export async function textOf(served: ServedTree, drawing: Drawing): Promise<string> {
  const drawn = await drawing.draw(served.toDraw());
  switch (drawn.kind) {
    case 'set':
      return drawn.set.text;
    case 'template-error':
      throw drawn.error;
    case 'nothing':
      throw new SourceError(`rendering: ${drawn.missing}`);
  }
}
