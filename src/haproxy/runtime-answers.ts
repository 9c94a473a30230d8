/** What an answer of the Runtime API says. */
export type CommandResult =
  | { readonly kind: 'done' }
  /** `del server`: its last sessions are not over. */
  | { readonly kind: 'busy' }
  /** `del server`: there is none. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly answer: string };

const ADDED = /^New server registered\.$/;
const DELETED = /^Server deleted\.$/;
const BUSY = /^Server still has connections attached to it, cannot remove it\.$/;
const GONE = /^No such server\.$/;
/** One clause about the address and one about the port (2.6), or about what changed (3.0), or that nothing did. */
const CLAUSE =
  "(IP changed from '[^']*' to '[^']*'|port changed from '[^']*' to '[^']*'|no need to change the (addr|port))";
const MOVED = new RegExp(`^(${CLAUSE}(, ${CLAUSE})* by 'stats socket command'|nothing changed)$`);

/**
 * Judges the answer to a command by its success text, which is all there is: a success is mostly no text at all, and
 * a failure carries no sign of its own ("Unknown command" has the severity of a remark). HAProxy 2.6 and 3.0.
 */
export function judgeAnswer(line: string, answer: string): CommandResult {
  if (line.startsWith('add server ')) {
    return doneIf(ADDED, answer);
  }
  if (line.startsWith('del server ')) {
    if (BUSY.test(answer)) {
      return { kind: 'busy' };
    }
    if (GONE.test(answer)) {
      return { kind: 'gone' };
    }
    return doneIf(DELETED, answer);
  }
  if (/^set server \S+ addr /.test(line)) {
    return doneIf(MOVED, answer);
  }
  return doneIf(/^$/, answer);
}

function doneIf(success: RegExp, answer: string): CommandResult {
  return success.test(answer) ? { kind: 'done' } : { kind: 'refused', answer };
}
