import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { freePort } from './haproxy.ts';

/** A server that takes no connection and says nothing: SYNs to it are dropped, as by a host that is gone. */
export interface Blackhole extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
}

/** A listener with the shortest backlog, stopped, its backlog filled: the kernel drops what comes then. */
export async function blackhole(): Promise<Blackhole> {
  const port = await freePort();
  const code = `require('net').createServer().listen({port:${port},host:'127.0.0.1',backlog:1},()=>console.log('up'))`;
  const child: ChildProcess = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout) {
    await once(child.stdout, 'data');
  }
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    fillers.push(socket);
    full = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
    ]);
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of fillers) {
        socket.destroy();
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) {
        await once(child, 'exit');
      }
    },
  };
}
