/** What systemd takes for one word as it stands, anywhere in a command line. */
const PLAIN = /^[A-Za-z0-9_./:=@+,{}-]+$/;

/**
 * One argument of a command line of systemd (systemd.service(5), "Command lines"): quoted where it needs to be, with `%` and `$` as
 * themselves.
 */
export function quoteWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return PLAIN.test(word) ? word : `"${plain.replace(/["\\]/g, '\\$&')}"`;
}

/** Text in a unit that is no command line, such as a description. */
export function quoteText(text: string): string {
  return text.replaceAll('%', '%%');
}
