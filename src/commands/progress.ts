/**
 * Shows one line on a terminal that the next one replaces; an empty one takes it away. Without a terminal it does nothing.
 * What is shown never fills the line: one that wraps could not be taken away.
 */
export function progressOn(
  terminal: { readonly columns: number; write(text: string): unknown } | null,
): (line: string) => void {
  let isShown = false;
  return (line) => {
    if (terminal === null || (line === '' && !isShown)) {
      return;
    }
    isShown = line !== '';
    terminal.write(`\r\u001b[K${line.slice(0, Math.max(0, terminal.columns - 1))}`);
  };
}
