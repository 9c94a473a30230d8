// `npm start`: three tiny services, and Pointsman with HAProxy in front of them.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const settings = 'examples/quickstart/pointsman.yaml';
const url = 'http://127.0.0.1:8080/';
const samples = [
  { name: 'web/blue', port: 8101 },
  { name: 'web/green', port: 8102 },
  { name: 'api/one', port: 8103 },
];

/** Starts one service that answers with its own name. */
function startSample({ name, port }) {
  const server = createServer((_, response) => response.end(`${name} on port ${port}\n`));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function waitUntilServed(signal) {
  while (!signal.aborted) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

const ended = new AbortController();
let servers = [];
try {
  servers = await Promise.all(samples.map(startSample));
} catch (error) {
  console.error(`npm start: the sample service could not listen: ${error.message}`);
  console.error('  Free the ports 8101 to 8103 (and 8080 for HAProxy), then try again.');
  process.exit(1);
}
await mkdir(`${root}.cache/quickstart`, { recursive: true });
const child = spawn(process.execPath, ['dist/main.js', 'run', '--config', settings], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // A terminal sends Ctrl-C to both; a signal to this process alone is passed on.
  process.on(name, () => child.kill('SIGTERM'));
}
// Whatever ends this process, a closed terminal or pipe too, ends Pointsman and HAProxy with it.
process.on('exit', () => child.kill('SIGTERM'));
process.stderr.on('error', () => child.kill('SIGTERM'));
child.on('exit', (code) => {
  ended.abort();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  process.exitCode = code ?? 1;
});

if (await waitUntilServed(ended.signal)) {
  console.error(`
  Pointsman runs, and HAProxy serves two sample services.

    Ask:   curl ${url}          (web: blue and green in turn)
           curl ${url}api       (api)
    Edit:  examples/quickstart/services.yaml   (take out web's "green", save, ask again)
    See:   curl http://127.0.0.1:9290/api/status
    Stop:  Ctrl-C
`);
}
