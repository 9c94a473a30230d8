// The health check of the image, for whichever of its containers: exit 0 when it is well, 1 with the reason.
//
// Pointsman: /readyz says that HAProxy runs a verified configuration. HAProxy (started by haproxy-container): its
// master answers and has a worker; as long as there is no configuration to start from, it is not well yet. While
// HAProxy is being replaced, the socket may still be that of the other container: so its processes are counted too.
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

const LIMIT = 2500;
const command = readFileSync('/proc/1/cmdline', 'utf8').split('\0');
const haproxyAt = command.findIndex((word) => /(^|\/)haproxy-container$/.test(word));

const announceAt = command.indexOf('announce');

try {
  await (announceAt > 0
    ? askAnnounce()
    : haproxyAt < 0
      ? askPointsman()
      : askMaster(command[haproxyAt + 2] || '/run/haproxy/master.sock'));
} catch (error) {
  console.error(`${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
  process.exit(1);
}
process.exit(0);

async function askPointsman() {
  const listen = process.env.POINTSMAN_STATUS_LISTEN || '127.0.0.1:9290';
  const answer = await fetch(`http://${listen}/readyz`, { signal: AbortSignal.timeout(LIMIT) });
  if (!answer.ok) {
    throw new Error(`/readyz ${answer.status}: ${(await answer.text()).trim()}`);
  }
}

async function askAnnounce() {
  const at = command.findIndex((word) => /^--listen(=|$)/.test(word));
  const flag = at < 0 ? '' : command[at].split('=')[1] || command[at + 1];
  const listen = flag || process.env.POINTSMAN_ANNOUNCE_LISTEN;
  if (!listen) {
    return; // process 1 runs
  }
  const answer = await fetch(`http://${listen}/healthz`, { signal: AbortSignal.timeout(LIMIT) });
  if (!answer.ok) {
    throw new Error(`/healthz ${answer.status}`);
  }
}

async function askMaster(path) {
  if (haproxyProcesses() < 2) {
    throw new Error('HAProxy does not run in this container yet');
  }
  const answer = await new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => socket.end('show proc\n'));
    socket.setTimeout(LIMIT, () => socket.destroy(new Error('HAProxy does not answer')));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', (cause) => reject(new Error("HAProxy's master socket", { cause })));
  });
  if (!/^\d+\s+worker\s/m.test(answer)) {
    throw new Error('HAProxy has no worker');
  }
}

/** The master and its workers, of this container. */
function haproxyProcesses() {
  const names = readdirSync('/proc').map((entry) => {
    try {
      return /^\d+$/.test(entry) ? readFileSync(`/proc/${entry}/comm`, 'utf8').trim() : '';
    } catch {
      return ''; // it ended meanwhile
    }
  });
  return names.filter((name) => name === 'haproxy').length;
}
