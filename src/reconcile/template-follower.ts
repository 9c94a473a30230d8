import { PointsmanError } from '../errors.ts';
import type { Templates } from '../ports/templates.ts';
import type { Parts } from './parts.ts';

/** Takes each state of the template folder into the drawing, and wakes the loop. */
export async function followTemplates(
  { drawing, mailbox, emit }: Parts,
  templates: Templates,
  signal: AbortSignal,
): Promise<void> {
  const choice = drawing.templates;
  // A watch waits for whatever cannot be read; at the start that should be said.
  await templates.read().catch((error: unknown) => choice.miss(error));
  for await (const news of templates.watch(signal)) {
    if (news instanceof PointsmanError) {
      if (choice.miss(news)) {
        mailbox.post('the template cannot be read');
      }
      continue;
    }
    if (!(await choice.set(news))) {
      continue;
    }
    emit({ kind: 'template-changed', folder: news.folder, files: news.files.size });
    mailbox.post('template changed');
  }
}
