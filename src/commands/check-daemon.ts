import { SystemError } from '../errors.ts';
import type { Settings } from '../settings/settings.ts';
import { lockFiles, lockHolder } from '../state/lock.ts';
import { broughtBy, failingPass } from '../status/findings.ts';
import type { StatusJson } from '../status/status-json.ts';
import { span } from '../status/words.ts';
import { askDaemon, controlSocketOf, type DaemonStatus } from './ask-daemon.ts';
import type { Add } from './check-outside.ts';
import type { Io } from './io.ts';

/** A daemon that is younger may still have to find its sources and HAProxy, in seconds. */
const YOUNG = 60;

/** Whether the daemon is there and what it waits for, whether its changes go out, how its sources are, and who has the locks. */
export async function checkDaemon(io: Io, settings: Settings, add: Add): Promise<void> {
  const { stateDir, output } = settings;
  const files = lockFiles({ stateDir, outputPath: output.path });
  const [state, target] = await Promise.all([lockHolder(files.state), lockHolder(files.output)]);
  io.waitsFor('the daemon');
  const says = await askDaemon(stateDir, { path: '/status' }, io);
  if (says.kind === 'answered') {
    const status = says.body as DaemonStatus;
    tellDaemon(status, io.version, add);
    for (const [place, source] of status.sources.entries()) {
      tellSource(source, { isOptional: settings.sources[place]?.optional ?? false, add });
    }
  } else if (says.kind === 'silent') {
    add('wrong', 'daemon', `${controlSocketOf(stateDir)}: ${says.why}\nIts log says what it is at.`);
  } else if (state.kind !== 'held') {
    add('note', 'daemon', `none runs on ${stateDir}: nothing follows the sources`);
  } else if (state.by.startsWith('render')) {
    add('note', 'daemon', `none runs on ${stateDir}; pointsman render is at work there (${state.by})`);
  } else {
    add(
      'wrong',
      'daemon',
      `one has ${stateDir} (${state.by}), and nobody listens on ${controlSocketOf(stateDir)}\nIts log says why; commands reach it by files.`,
    );
  }
  if (target.kind === 'held' && state.kind === 'nobody') {
    throw new SystemError(`looking at the locks: another Pointsman writes ${output.path} (${target.by})`, {
      hint: 'One run or render at a time: stop the other one, or give this one its own output.',
    });
  }
  if (state.kind === 'held') {
    add('ok', 'lock', `${files.state} is held by ${state.by}`);
  } else if (state.kind === 'nobody') {
    add('ok', 'lock', `${files.state} is free`);
  } else {
    add('note', 'lock', `${files.state}: it cannot be seen whether somebody holds it`);
  }
}

function tellDaemon(status: DaemonStatus, ours: string, add: Add): void {
  const { pid, version, startedAt, uptimeSeconds, missing, counts, paused, rollback, quarantined, held } =
    status;
  const runs = `pid ${pid}, pointsman ${version}, since ${startedAt}`;
  if (missing.length === 0) {
    add('ok', 'daemon', `${runs}: serves ${counts.instances} instances of ${counts.services} services`);
  } else {
    const verdict = uptimeSeconds < YOUNG ? 'note' : 'wrong';
    add(verdict, 'daemon', `${runs}: it waits: ${missing.join('; ')}`);
  }
  if (version !== ours) {
    add('note', 'daemon', `this is pointsman ${ours}, and ${version} runs: a restart of it runs this one`);
  }
  tellChanges(status, add);
  if (paused) {
    add(
      'note',
      'changes',
      `paused until ${paused.until} by ${paused.by}\npointsman resume ends it; that of the fleet ends with its key.`,
    );
  }
  if (rollback) {
    add(
      'note',
      'changes',
      `rolled back to ${rollback.number} since ${rollback.since} by ${rollback.by}: routes, templates and settings wait\npointsman resume ends it.`,
    );
  }
  for (const { unit, reason } of quarantined) {
    add('note', 'changes', `${unit} is set aside: ${firstLine(reason)}\npointsman status has all of it.`);
  }
  if (held.length > 0) {
    add(
      'note',
      'changes',
      `${held.length} keys went and are held: ${held
        .slice(0, 5)
        .map(({ key }) => key)
        .join(', ')}\npointsman release where that is meant.`,
    );
  }
  if (status.template.error !== null) {
    add('wrong', 'template', `the daemon cannot use it: ${status.template.error}`);
  }
}

/** Whether what changes goes out. */
function tellChanges(status: StatusJson, add: Add): void {
  const { lastPass, pending, ahead } = status;
  const failing = failingPass(status);
  if (failing) {
    const { outcome, error, ageSeconds } = failing;
    const found = `they do not go out: ${outcome} ${span(ageSeconds)} ago: ${error}${broughtBy(failing)}`;
    add(
      'wrong',
      'changes',
      `${found}\nHAProxy goes on with what it has, and it is tried again. pointsman status has more.`,
    );
  } else if (pending !== null) {
    add('note', 'changes', `${pending} is to be run, and is not yet`);
  } else if (lastPass?.outcome === 'waiting') {
    add('note', 'changes', `none goes out yet: ${lastPass.error ?? 'nothing is known of the sources'}`);
  } else if (lastPass && lastPass.outcome !== 'paused') {
    const behind = ahead === null ? '' : `; the file is ${span(ahead.ageSeconds)} behind HAProxy`;
    add(
      'ok',
      'changes',
      `they go out: the last pass ended as ${lastPass.outcome} ${span(lastPass.ageSeconds)} ago${behind}`,
    );
  }
}

function tellSource(
  { name, state, error, stateAgeSeconds, keys }: StatusJson['sources'][number],
  { isOptional, add }: { readonly isOptional: boolean; readonly add: Add },
): void {
  const since = `${state} for ${span(stateAgeSeconds)}`;
  if (state === 'live') {
    add('ok', 'source', `the daemon has ${keys} keys of ${name}: ${since}`);
  } else {
    const why = error === null ? '' : `: ${error}`;
    add(
      state === 'stale' && !isOptional ? 'wrong' : 'note',
      'source',
      `the daemon has ${name} ${since}${why}`,
    );
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
