import { PointsmanError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Templates } from '../ports/templates.ts';
import type { Picture } from '../tree/picture.ts';
import type { Mailbox } from './mailbox.ts';

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
  for await (const news of templates.watch(signal)) {
    if (news instanceof PointsmanError) {
      if (picture.missTemplate(news)) {
        mailbox.post('the template cannot be read');
      }
      continue;
    }
    if (!(await picture.setTemplate(news))) {
      continue;
    }
    emit({ kind: 'template-changed', folder: news.folder, files: news.files.size });
    mailbox.post('template changed');
  }
}
