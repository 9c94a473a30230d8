// The program of the services: says who it is, and serves on for LINGER seconds after SIGTERM.
//   /           at once
//   /slow       begins at once and takes 300 ms: nobody can ask another instance for the rest
//   /health/X   200 where it is an instance of X: whoever has got its port is none
//   /datastore  asks the datastore first, over the HAProxy of this host
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const { NAME = '', VERSION = '', LINGER = '5', DATASTORE = '' } = process.env;

const server = createServer({ keepAliveTimeout: 75_000 }, async (request, response) => {
  request.resume();
  const { pathname } = new URL(request.url ?? '/', 'http://service');
  if (pathname.startsWith('/health/')) {
    response.writeHead(pathname === `/health/${NAME.split('/')[0]}` ? 200 : 404);
    response.end();
    return;
  }
  try {
    const more = pathname === '/datastore' ? ` ${await askDatastore()}` : '';
    const body = `${NAME} ${VERSION}${more}\n`;
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) });
    if (pathname === '/slow') {
      response.flushHeaders();
      await sleep(300);
    }
    response.end(body);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' });
    response.end(`${NAME} ${VERSION}: ${error.message}\n`);
  }
});
server.listen(8080);

process.once('SIGTERM', async () => {
  await sleep(Number(LINGER) * 1000);
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  await sleep(3000);
  process.exit(0);
});

function askDatastore() {
  const [host, port] = DATASTORE.split(':');
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(Number(port), host);
    socket.setTimeout(5000, () => socket.destroy(new Error('the datastore says nothing')));
    socket.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    socket.once('error', reject);
    socket.once('close', () => (said === '' ? reject(new Error('no datastore')) : resolve(said.trim())));
  });
}
