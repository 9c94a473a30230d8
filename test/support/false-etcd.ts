import { createRequire } from 'node:module';
import * as grpc from '@grpc/grpc-js';

/** A message as protobuf has it: every field may be left out. */
export type Message = Readonly<Record<string, unknown>>;

/** Answers as etcd does, as far as a source asks, and says what no etcd would where a test wants that. */
export interface FalseEtcd extends AsyncDisposable {
  readonly endpoint: string;
  /** Changes an answer before it goes out; null: the truth. */
  lie: ((answer: Message, to: 'range' | 'watch') => Message) | null;
  /** Sends a message on every open stream; resolves when it is out, with the number of streams that are open. */
  push(message: Message): Promise<number>;
  /** How many streams were opened, in all. */
  readonly streams: number;
  /** How many are open now. */
  readonly open: number;
}

type WatchCall = grpc.ServerDuplexStream<Message, Message>;

const fromEtcd3 = createRequire(createRequire(import.meta.url).resolve('etcd3'));

/** Starts it on a free port, with the keys `/services/web/a` and `/services/web/b`. */
export async function startFalseEtcd(): Promise<FalseEtcd> {
  const { etcdserverpb } = load();
  const calls = new Set<WatchCall>();
  let streams = 0;
  let lie: FalseEtcd['lie'] = null;
  const said = (answer: Message, to: 'range' | 'watch') => lie?.(answer, to) ?? answer;
  const server = new grpc.Server();
  server.addService(etcdserverpb.KV.service, {
    Range: (call: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>) =>
      done(null, said(range(call.request), 'range')),
    Txn: (_: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>) =>
      done(null, said({ header: HEADER, succeeded: false, responses: [] }, 'range')),
  });
  server.addService(etcdserverpb.Watch.service, {
    Watch: (call: WatchCall) => {
      streams++;
      calls.add(call);
      call.setMaxListeners(0);
      call.on('cancelled', () => calls.delete(call));
      call.on('error', () => calls.delete(call));
      call.on('end', () => call.end());
      call.on('data', ({ create_request, progress_request }: Message) => {
        if (create_request) {
          const { watch_id } = create_request as Message;
          call.write(said({ header: HEADER, watch_id, created: true }, 'watch'));
        }
        if (progress_request) {
          call.write(said({ header: HEADER, watch_id: '-1' }, 'watch'));
        }
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    get lie() {
      return lie;
    },
    set lie(wanted) {
      lie = wanted;
    },
    get open() {
      return calls.size;
    },
    get streams() {
      return streams;
    },
    async push(message) {
      await Promise.all([...calls].map((call) => sent(call, message)));
      return calls.size;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

const HEADER: Message = { cluster_id: '7', member_id: '8', revision: '5', raft_term: '2' };

function range({ key, range_end, count_only }: Message): Message {
  const start = String(key);
  const end = String(range_end);
  const kvs = ['/services/web/a', '/services/web/b']
    .filter((one) => (end === '' ? one === start : start <= one && one < end))
    .map((one, place) => keyValue(one, `10.0.0.${place + 1}:80`));
  return { header: HEADER, kvs: count_only ? [] : kvs, count: String(kvs.length) };
}

/** A key that was written once, at revision 5. */
export function keyValue(key: string, value: string): Message {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    create_revision: '5',
    mod_revision: '5',
    version: '1',
  };
}

function sent(call: WatchCall, message: Message): Promise<void> {
  if (call.write(message) || call.cancelled) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    for (const event of ['drain', 'cancelled', 'error', 'close']) {
      call.once(event, () => resolve());
    }
  });
}

type Services = Readonly<Record<'KV' | 'Watch', { readonly service: grpc.ServiceDefinition }>>;

function load(): { readonly etcdserverpb: Services } {
  const { loadSync } = fromEtcd3('@grpc/proto-loader') as {
    loadSync(path: string, how: object): grpc.GrpcObject;
  };
  const definition = loadSync(fromEtcd3.resolve('../proto/rpc.proto'), {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return grpc.loadPackageDefinition(
    definition as unknown as Parameters<typeof grpc.loadPackageDefinition>[0],
  ) as unknown as { readonly etcdserverpb: Services };
}
