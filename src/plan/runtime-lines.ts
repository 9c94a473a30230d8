import type { ServerCommand } from './plan.ts';

export interface LineOptions {
  /**
   * `up`: a new server takes traffic at once, as after any start of HAProxy. `checked`: only after its first good
   * check; one without checks is `up` all the same.
   */
  readonly newServers: 'up' | 'checked';
}

/** The steps of a removal, with time between them as the caller sees fit. Each answers with nothing but `del`. */
export interface RemovalLines {
  /** No new sessions, but those that are bound to it. To be left out where nothing is to drain. */
  readonly drain: string;
  /** No sessions at all: `del` asks for this. Running ones go on. */
  readonly maint: string;
  /** Refused while sessions live: to be tried again. */
  readonly del: string;
}

/**
 * The lines of the Runtime API (management guide 9.3) for one command, in the order to send them, without line
 * breaks. A removal without draining.
 */
export function runtimeLines(command: ServerCommand, { newServers }: LineOptions): string[] {
  const target = `${command.backend}/${command.server}`;
  switch (command.kind) {
    case 'add': {
      const lines = [['add server', target, command.address, ...command.keywords].join(' ')];
      if (command.checked) {
        lines.push(`enable health ${target}`);
      }
      if (command.disabled) {
        return lines;
      }
      lines.push(`enable server ${target}`);
      // Before `enable server` this would have no effect.
      if (command.checked && newServers === 'checked') {
        lines.push(`set server ${target} health down`);
      }
      return lines;
    }
    case 'address':
      return [`set server ${target} addr ${command.host} port ${command.port}`];
    case 'weight':
      return [`set server ${target} weight ${command.weight}`];
    case 'state':
      return [`set server ${target} state ${command.state}`];
    case 'remove': {
      const { maint, del } = removalLines(command);
      return [maint, del];
    }
    default:
      return command satisfies never;
  }
}

/** The steps of a removal one by one. */
export function removalLines({ backend, server }: { backend: string; server: string }): RemovalLines {
  const target = `${backend}/${server}`;
  return {
    drain: `set server ${target} state drain`,
    maint: `set server ${target} state maint`,
    del: `del server ${target}`,
  };
}
