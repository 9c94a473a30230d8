import protobuf from 'protobufjs/minimal.js';
import { SourceError } from '../errors.ts';

/*
 * Messages of protobuf without their schema, by the numbers of their fields, as far as etcd's few of keys and leases need it:
 * whole numbers, truth values, bytes, texts and messages inside messages. The coding itself is protobufjs's.
 */

/** A field of a message: its number, and its value; one without a value is left out. */
export type Field = readonly [number: number, value: bigint | number | boolean | string | Buffer | undefined];

const VARINT = 0;
const BYTES = 2;

/** The bytes of a message. A message inside it is given as its bytes. */
export function encode(fields: readonly Field[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const [number, value] of fields) {
    if (typeof value === 'string') {
      writer.uint32((number << 3) | BYTES).string(value);
    } else if (Buffer.isBuffer(value)) {
      writer.uint32((number << 3) | BYTES).bytes(value);
    } else if (value !== undefined) {
      writer.uint32((number << 3) | VARINT).int64(String(BigInt(value)));
    }
  }
  return Buffer.from(writer.finish());
}

/** A message that was read. What it does not hold is 0, false or empty, as protobuf has it. */
export class Message {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  /** Throws a `SourceError` where the bytes are no message. */
  constructor(bytes: Buffer) {
    try {
      this.#read(protobuf.Reader.create(bytes));
    } catch (cause) {
      throw new SourceError("its answer is not etcd's: it is no message of protobuf", {
        hint: 'is that really an etcd v3, without something in between that changes its answers?',
        cause,
      });
    }
  }

  #read(reader: protobuf.Reader): void {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const number = tag >>> 3;
      const before = this.#fields.get(number) ?? [];
      this.#fields.set(number, before);
      switch (tag & 7) {
        case VARINT:
          // The type of its numbers, of 64 bits, has no way to a bigint but by its text.
          before.push(BigInt(String(reader.int64())));
          break;
        case BYTES:
          before.push(Buffer.from(reader.bytes()));
          break;
        default:
          reader.skipType(tag & 7);
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
