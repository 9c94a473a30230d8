import { isUtf8 } from 'node:buffer';
import { SourceError } from '../errors.ts';

/**
 * Bytes as a text, each text from one row of bytes alone: bytes that are no UTF-8 become halves of characters, U+DC80
 * to U+DCFF, which no UTF-8 gives (as Python's "surrogateescape" does). So a key that is no text still has a name of its
 * own, by which it is refused, shown (`\xff`) and deleted.
 */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) {
    return bytes.toString('utf8');
  }
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(bytes, at);
    parts.push(
      length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length),
    );
    at += Math.max(1, length);
  }
  return parts.join('');
}

/**
 * The text of a file.
 *
 * @throws SourceError that names file and line where it is no UTF-8.
 */
export function fileText(bytes: Buffer, file: string): string {
  const found = notUtf8(bytes);
  if (found === null) {
    return bytes.toString('utf8');
  }
  const line = bytes.subarray(0, found.at).toString('latin1').split('\n').length;
  throw new SourceError(`reading ${file}:${line}: it is no UTF-8: it has the byte ${found.byte} there`, {
    hint: 'save it as UTF-8; it is read again as soon as it is saved',
  });
}

/** Where the first byte stands that is no UTF-8, and which; null where all is. */
export function notUtf8(bytes: Buffer): { readonly byte: string; readonly at: number } | null {
  if (isUtf8(bytes)) {
    return null;
  }
  let at = 0;
  for (const part of bytes.toString('utf8').split('\ufffd')) {
    at += Buffer.byteLength(part);
    // It stands for what is no UTF-8, or for itself.
    if (bytes.toString('latin1', at, at + 3) !== '\xef\xbf\xbd') {
      break;
    }
    at += 3;
  }
  return { byte: `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`, at };
}

/** The length of the character that begins here; 0 where none does. */
function lengthAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0xff;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
