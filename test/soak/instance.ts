import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort } from '../support/haproxy.ts';

/** A listening HTTP server of an instance; it answers with `service/id`. */
export interface Listener {
  readonly port: number;
  /** As a service ends that was told to: answers what it has, takes nothing new. */
  stop(): Promise<void>;
}

/** Begins to serve on a free port. */
export async function listen(service: string, id: string): Promise<Listener> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end(`${service}/${id}`);
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    async stop() {
      server.close();
      server.closeIdleConnections();
      if (server.listening) {
        await once(server, 'close');
      }
    },
  };
}

/** An instance that is a process of its own, to die without a word. */
export interface Mortal {
  readonly port: number;
  kill(): Promise<void>;
}

/** Starts one. */
export async function startMortal(service: string, id: string): Promise<Mortal> {
  const port = await freePort();
  const code = `require('http').createServer((q,s)=>s.end('${service}/${id}')).listen(${port},'127.0.0.1',()=>console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    port,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) {
        return;
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
