import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';

/** A running `etcd grpc-proxy`. */
export interface EtcdProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Sends a signal; waits for the end where the signal ends it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
}

/** Starts `etcd grpc-proxy` in front of an etcd of 127.0.0.1 and waits until it serves. */
export async function startEtcdProxy(binary: string, port: number): Promise<EtcdProxy> {
  const own = await freePort();
  let child = await launch(binary, port, own);
  const kill = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') {
      await once(child, 'exit');
    }
  };
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  return {
    endpoint: `http://127.0.0.1:${own}`,
    kill,
    async restart() {
      child = await launch(binary, port, own);
    },
    async [Symbol.asyncDispose]() {
      process.off('exit', onExit);
      await kill('SIGKILL');
    },
  };
}

async function launch(binary: string, port: number, own: number): Promise<ChildProcess> {
  const args = [
    ...['grpc-proxy', 'start', `--endpoints=127.0.0.1:${port}`, `--listen-addr=127.0.0.1:${own}`],
    // It asks itself there.
    `--advertise-client-url=127.0.0.1:${own}`,
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string) => {
      child.kill('SIGKILL');
      reject(new Error(`etcd grpc-proxy ${what}:\n${log.slice(-4_000)}`));
    };
    const timer = setTimeout(() => fail('did not serve within 30 s'), 30_000);
    child.once('exit', () => fail('ended'));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-16_000);
      if (!log.includes('started gRPC proxy')) {
        return;
      }
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve();
    });
  });
  return child;
}
