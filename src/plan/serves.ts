const SERVER = /^[ \t]*server(?:-template)?[ \t]/m;

/** Whether a text has servers, and `next` has none: what it serves would be gone with it. */
export function losesAllServers(text: string, next: string): boolean {
  return SERVER.test(text) && !SERVER.test(next);
}
