import { describeReason } from '../../src/plan/plan.ts';
import { plan } from '../../src/plan/planner.ts';
import { runtimeLines } from '../../src/plan/runtime-lines.ts';

/** How to plan and write it down. */
export interface GoldenOptions {
  /** @default '3.0' */
  readonly version?: string | null;
  /** @default 'up' */
  readonly newServers?: 'up' | 'checked';
  readonly maxCommands?: number;
}

/** A plan as text: `unchanged`, the lines for HAProxy, or `reload: …` for each reason. */
export function golden(before: string, after: string, options: GoldenOptions = {}): string[] {
  const { version = '3.0', newServers = 'up', maxCommands } = options;
  const made = plan(before, after, { version, ...(maxCommands === undefined ? {} : { maxCommands }) });
  switch (made.kind) {
    case 'unchanged':
      return ['unchanged'];
    case 'runtime':
      return made.commands.flatMap((command) => runtimeLines(command, { newServers }));
    case 'reload':
      return made.reasons.map((reason) => `reload: ${describeReason(reason)}`);
    default:
      return made satisfies never;
  }
}

/** The beginning of most texts: five lines. */
export const HEAD = `global
  stats socket /run/haproxy.sock level admin
defaults
  mode http
  default-server inter 2s
`;

/** A text with one backend, whose name `backend b` stands in line 6. */
export function withBackend(...lines: string[]): string {
  return `${HEAD}backend b\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
