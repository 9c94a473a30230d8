import { createSocket } from 'node:dgram';

/** One SRV record. */
export interface SrvRecord {
  readonly target: string;
  readonly port: number;
  /** @default 0 */
  readonly priority?: number;
}

/** A name server on 127.0.0.1 that knows SRV records and IPv4 addresses, and nothing else. */
export interface TestDns extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** By name; others do not exist. Null: it does not answer at all. */
  records: Readonly<Record<string, readonly SrvRecord[]>> | null;
  /** IPv4 addresses by name; others do not exist. */
  addresses: Readonly<Record<string, string>>;
  /** The names that were asked for. */
  readonly asked: readonly string[];
}

const SRV = 33;

function srvData({ target, port, priority = 0 }: SrvRecord): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(priority, 0);
  fixed.writeUInt16BE(port, 4);
  const labels = target.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([fixed, ...labels, Buffer.from([0])]);
}

function addressData(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** Starts it on a free port. */
export async function startDns(records: TestDns['records']): Promise<TestDns> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const dns: TestDns = {
    address: `127.0.0.1:${socket.address().port}`,
    records,
    addresses: {},
    asked,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on('message', (query, { port, address }) => {
    const { name, end } = nameIn(query);
    asked.push(name);
    if (dns.records !== null) {
      const type = query.readUInt16BE(end - 4);
      const known = dns.addresses[name.toLowerCase()];
      const found =
        type === SRV ? dns.records[name.toLowerCase()]?.map(srvData) : known && [addressData(known)];
      socket.send(answer(query, end, { type, found: found || null }), port, address);
    }
  });
  return dns;
}

function nameIn(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 5 };
}

/** RFC 1035, 4.1; the name of each record points to that of the question. */
function answer(
  query: Buffer,
  end: number,
  { type, found }: { readonly type: number; readonly found: readonly Buffer[] | null },
): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(found === null ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found?.length ?? 0, 6);
  header.writeUInt32BE(0, 8);
  const all = (found ?? []).map((data) => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(30, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...all]);
}
