import { addCommand } from './add-command.ts';
import type { BackendFacts, Judged, ServerReason } from './backend-facts.ts';
import { changeCommands } from './change-commands.ts';
import { orderReasons } from './order-rule.ts';
import type { Reason, ServerCommand } from './plan.ts';
import { balanceOf, type Inherited, mergeServers, obstacles, readProxy } from './proxy.ts';
import type { RuntimeAbilities } from './runtime-version.ts';
import { sameLine, sameLines } from './section-diff.ts';
import { type SectionLines, sectionTitle } from './section-lines.ts';
import type { Server } from './server-line.ts';

/** A backend in both texts, whose other lines say the same. */
export interface BackendPair {
  readonly before: SectionLines;
  readonly after: SectionLines;
  readonly inherited: Inherited;
  readonly abilities: RuntimeAbilities;
  /** Whether other lines name this server, so that it cannot go: `use-server`, `track`, `srv_is_up(b/s)`. */
  readonly isNamed: (server: string) => boolean;
}

/** What becomes of the servers of one backend. With reasons, the commands are not the whole. */
export interface ServerChanges {
  readonly adds: readonly ServerCommand[];
  readonly changes: readonly ServerCommand[];
  readonly removes: readonly ServerCommand[];
  readonly reasons: readonly Reason[];
}

/** A name that can be written in a command (HAProxy's `invalid_char` lets no other through). */
const NAME = /^[A-Za-z0-9_.:-]+$/;

/** Compares the servers of a backend. */
export function diffServers(pair: BackendPair): ServerChanges {
  const section = sectionTitle(pair.after.header);
  const nothing = { adds: [], changes: [], removes: [], reasons: [] };
  if (sameServers(pair)) {
    return nothing;
  }
  const found = compare(pair);
  const some = found.adds.length + found.changes.length + found.removes.length > 0;
  const unclear = some || found.reasons.length > 0 ? whyUnclear(pair) : [];
  const reasons = [...unclear, ...found.reasons].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { ...found, reasons: reasons.map((reason) => ({ ...reason, about: 'server', section })) };
}

function sameServers({ before, after }: BackendPair): boolean {
  // The same servers can still have moved from before a default-server to behind it.
  const inPlace = before.body.every((line, index) => sameLine(line, after.body[index]));
  return inPlace && sameLines(readProxy(before).servers, readProxy(after).servers);
}

function compare(pair: BackendPair): Omit<ServerChanges, 'reasons'> & { reasons: ServerReason[] } {
  const { before, after, inherited, abilities } = pair;
  const lines = [...inherited.lines, ...readProxy(after).others];
  const backend = readProxy(after).name;
  const facts = { backend, balance: balanceOf(lines, abilities), hinders: obstacles(lines), abilities };
  const old = mergeServers(before, inherited);
  const next = mergeServers(after, inherited);
  const oldByName = new Map(old.map((server) => [server.name, server]));
  const nextByName = new Map(next.map((server) => [server.name, server]));
  const added = next.filter(({ name }) => !oldByName.has(name));
  const removed = old.filter(({ name }) => !nextByName.has(name));
  const reasons: ServerReason[] = [
    ...nameReasons(backend, next),
    ...twiceReasons(old, 'old'),
    ...twiceReasons(next, 'new'),
    ...orderReasons({ old, next, added, removed, facts, lines }),
    ...comeAndGo(added, removed, facts),
  ];
  const adds = added.map((server) => collect(addCommand(server, facts), reasons));
  const changes = next.map((server) => {
    const was = oldByName.get(server.name);
    return was ? collect(changeCommands({ was, server, isNamed: pair.isNamed, facts }), reasons) : [];
  });
  for (const server of removed.filter(({ name }) => pair.isNamed(name))) {
    reasons.push({
      message: `server ${server.name} goes, but other lines name it`,
      line: server.line,
      of: 'old',
    });
  }
  const removes = removed.map((server) => removeCommand(server, facts));
  return { adds: adds.flat(), changes: changes.flat(), removes, reasons };
}

function removeCommand(server: Server, facts: BackendFacts): ServerCommand {
  const { commands, reasons } = addCommand(server, facts);
  const added = commands.find((command) => command.kind === 'add');
  const keywords = added && reasons.length === 0 ? added.keywords : null;
  return { kind: 'remove', backend: facts.backend, server: server.name, keywords };
}

function collect({ commands, reasons }: Judged, all: ServerReason[]): readonly ServerCommand[] {
  for (const reason of reasons) {
    all.push(reason);
  }
  return commands;
}

function nameReasons(backend: string, servers: readonly Server[]): ServerReason[] {
  const reasons: ServerReason[] = [];
  if (!NAME.test(backend)) {
    reasons.push({
      message: `the name ${backend || '""'} cannot be written in a command`,
      line: null,
      of: 'new',
    });
  }
  for (const { name, line } of servers) {
    if (!NAME.test(name)) {
      reasons.push({
        message: `the name ${name || '""'} of a server cannot be written in a command`,
        line,
        of: 'new',
      });
    }
  }
  return reasons;
}

/** HAProxy refuses that, so it runs no such text; but nothing is planned on one by its names. */
function twiceReasons(servers: readonly Server[], of: 'old' | 'new'): ServerReason[] {
  const seen = new Set<string>();
  return servers.flatMap(({ name, line }) =>
    seen.size === seen.add(name).size ? [{ message: `server ${name} stands here twice`, line, of }] : [],
  );
}

function comeAndGo(
  added: readonly Server[],
  removed: readonly Server[],
  facts: BackendFacts,
): ServerReason[] {
  const first = added[0] ?? removed[0];
  if (!first) {
    return [];
  }
  const { balance, hinders } = facts;
  const hindered = [...hinders.change];
  if (balance.kind === 'static' || balance.kind === 'unknown') {
    hindered.push(`balance ${balance.name}`);
  }
  return hindered.map((what) => ({
    message: `servers cannot come or go at run time with ${what}`,
    line: first.line,
    of: added.length > 0 ? 'new' : 'old',
  }));
}

function whyUnclear({ after, before, inherited }: BackendPair): ServerReason[] {
  return [
    ...after.unclear.map(({ line, message }): ServerReason => ({ message, line, of: 'new' })),
    ...(after.unclear.length > 0
      ? []
      : before.unclear.map(({ line, message }): ServerReason => ({ message, line, of: 'old' }))),
    ...inherited.unclear.map((message): ServerReason => ({ message, line: null, of: 'new' })),
  ];
}
