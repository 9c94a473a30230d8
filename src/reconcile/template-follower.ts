import type { Emit } from '../events.ts';
import type { Templates } from './interfaces.ts';
import type { Mailbox } from './mailbox.ts';
import type { Picture } from './picture.ts';

/** Takes each state of the template folder into the picture, and wakes the loop. */
export async function followTemplates(
  options: {
    readonly templates: Templates;
    readonly picture: Picture;
    readonly mailbox: Mailbox;
    readonly emit: Emit;
  },
  signal: AbortSignal,
): Promise<void> {
  const { templates, picture, mailbox, emit } = options;
  // A watch waits for whatever cannot be read; at the start that should be said.
  await templates.read().catch((error: unknown) => picture.missTemplate(error));
  for await (const set of templates.watch(signal)) {
    await picture.setTemplate(set);
    emit({ kind: 'template-changed', folder: set.folder, files: set.files.size });
    mailbox.post('template changed');
  }
}
