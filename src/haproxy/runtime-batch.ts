import type { ServerCommand } from '../plan/plan.ts';
import { removalLines, runtimeLines } from '../plan/runtime-lines.ts';
import { literalAddress } from '../plan/server-line.ts';
import type { Batch } from '../ports/runtime.ts';
import { canBeSent } from './runtime-session.ts';
import type { LingeringServer } from './server-journal.ts';

/** What is sent for one command, and what it means for the journal. */
export interface CommandStep {
  readonly command: ServerCommand;
  readonly lines: readonly string[];
  /** `revive`: a server that lingers comes back under its name, with its last sessions. */
  readonly way: 'plain' | 'revive' | 'drain' | 'remove';
}

export interface BatchOptions extends Pick<Batch, 'newServers' | 'drain'> {
  /** Who lingers under this name. */
  readonly lingering: (backend: string, server: string) => LingeringServer | undefined;
}

/** The steps of a batch, or why it cannot be done without a reload. */
export function batchSteps(
  commands: readonly ServerCommand[],
  options: BatchOptions,
):
  | { readonly kind: 'steps'; readonly steps: readonly CommandStep[] }
  | { readonly kind: 'no'; readonly reason: string } {
  const steps: CommandStep[] = [];
  for (const command of commands) {
    const step = stepFor(command, options);
    if (typeof step === 'string') {
      return { kind: 'no', reason: step };
    }
    const bad = step.lines.find((line) => !canBeSent(line));
    if (bad !== undefined) {
      return { kind: 'no', reason: `this cannot be sent: ${bad.slice(0, 200)}` };
    }
    steps.push(step);
  }
  return { kind: 'steps', steps };
}

function stepFor(command: ServerCommand, options: BatchOptions): CommandStep | string {
  const lingering = options.lingering(command.backend, command.server);
  if (command.kind === 'add' && lingering) {
    return revive(command, lingering, options);
  }
  if (command.kind === 'remove') {
    const { drain, maint, del } = removalLines(command);
    return options.drain > 0
      ? { command, lines: [drain], way: 'drain' }
      : { command, lines: [maint, del], way: 'remove' };
  }
  return { command, lines: runtimeLines(command, options), way: 'plain' };
}

/** `add server` would say "Already exists": what differs is set in place, where that can be. */
function revive(
  command: ServerCommand & { kind: 'add' },
  lingering: LingeringServer,
  { newServers }: BatchOptions,
): CommandStep | string {
  const target = `${command.backend}/${command.server}`;
  if (lingering.keywords === null || settings(lingering.keywords) !== settings(command.keywords)) {
    return `server ${target} comes back while the last sessions of the old one live, and its settings differ`;
  }
  const address = literalAddress(command.address);
  if (!address) {
    return `server ${target}: its address ${command.address} is no literal IP:port`;
  }
  const lines = [
    `set server ${target} addr ${address.host} port ${address.port}`,
    `set server ${target} weight ${weightOf(command.keywords)}`,
    `set server ${target} state ${command.disabled ? 'maint' : 'ready'}`,
  ];
  // Out of maintenance it is UP at once, as it is after any start.
  if (command.checked && !command.disabled && newServers === 'checked') {
    lines.push(`set server ${target} health down`);
  }
  return { command, lines, way: 'revive' };
}

/** The weight that the keywords of a server give it. */
export function weightOf(keywords: readonly string[]): number {
  const at = keywords.indexOf('weight');
  return at === -1 ? 1 : Number(keywords[at + 1]);
}

/** All that cannot be changed in place, in an order of its own. */
function settings(keywords: readonly string[]): string {
  const at = keywords.indexOf('weight');
  const rest = at === -1 ? keywords : [...keywords.slice(0, at), ...keywords.slice(at + 2)];
  return [...rest].sort().join(' ');
}
