import { SourceError } from '../errors.ts';

/*
 * The wire format of protobuf, as far as etcd's few messages of keys and leases need it: whole numbers, truth values,
 * bytes, texts and messages inside messages.
 * https://protobuf.dev/programming-guides/encoding/
 */

/** A field of a message: its number, and its value; one without a value is left out. */
export type Field = readonly [number: number, value: bigint | number | boolean | string | Buffer | undefined];

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/** The bytes of a message. A message inside it is given as its bytes. */
export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (value === undefined) {
        return [];
      }
      if (typeof value === 'string' || Buffer.isBuffer(value)) {
        const bytes = typeof value === 'string' ? Buffer.from(value) : value;
        return [varint((number << 3) | BYTES), varint(bytes.length), bytes];
      }
      return [varint((number << 3) | VARINT), varint(value)];
    }),
  );
}

function varint(value: bigint | number | boolean): Buffer {
  let left = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (left > 127n) {
    bytes.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

/** A message that was read. What it does not hold is 0, false or empty, as protobuf has it. */
export class Message {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  /** Throws a `SourceError` where the bytes are no message. */
  constructor(bytes: Buffer) {
    const reader = new Reader(bytes);
    while (!reader.done) {
      const tag = Number(reader.varint());
      const value = reader.value(tag & 7);
      const number = tag >>> 3;
      const before = this.#fields.get(number);
      if (before) {
        before.push(value);
      } else {
        this.#fields.set(number, [value]);
      }
    }
  }

  /** A whole number, signed. */
  number(field: number): bigint {
    const value = this.#fields.get(field)?.at(-1);
    return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
  }

  /** Whether a truth value is set. */
  flag(field: number): boolean {
    return this.number(field) !== 0n;
  }

  /** Bytes as they are. */
  bytes(field: number): Buffer {
    const value = this.#fields.get(field)?.at(-1);
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
  }

  /** Bytes as a text. */
  text(field: number): string {
    return this.bytes(field).toString('utf8');
  }

  /** The bytes of each value of a field that may be there many times. */
  list(field: number): readonly Buffer[] {
    return (this.#fields.get(field) ?? []).filter((value) => Buffer.isBuffer(value));
  }

  /** A message inside this one; an empty one where it is not there. */
  message(field: number): Message {
    return new Message(this.bytes(field));
  }

  /** Each message of a field that may be there many times. */
  messages(field: number): readonly Message[] {
    return this.list(field).map((bytes) => new Message(bytes));
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) {
        throw broken();
      }
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) {
        return value;
      }
    }
    throw broken();
  }

  value(type: number): bigint | Buffer {
    switch (type) {
      case VARINT:
        return this.varint();
      case BYTES:
        return this.#take(Number(this.varint()));
      case FIXED_64:
        return this.#take(8);
      case FIXED_32:
        return this.#take(4);
      default:
        throw broken();
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw broken();
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

function broken(): SourceError {
  return new SourceError("its answer is not etcd's: it is no message of protobuf", {
    hint: 'is that really an etcd v3, without something in between that changes its answers?',
  });
}
