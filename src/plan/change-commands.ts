import type { BackendFacts, Judged } from './backend-facts.ts';
import type { ServerCommand } from './plan.ts';
import { literalAddress, type Server } from './server-line.ts';

/** A server that stands in both texts. */
export interface ServerPair {
  readonly was: Server;
  readonly server: Server;
  /** Whether other lines name it. */
  readonly isNamed: (server: string) => boolean;
  readonly facts: BackendFacts;
}

/** What can be changed in place; all else is compared. */
const IN_PLACE = new Set(['weight', 'disabled']);
/** Settings with which more than the server's traffic depends on its address. */
const TIED_TO_ADDRESS = ['port', 'addr', 'hash-key', 'socks4', 'check-via-socks4'];
/** Somebody else has a say in its weight and state. */
const GOVERNED = ['track', 'agent-check'];
const governed = (name: string) => `it is changed, and it has the keyword ${name}`;

interface Judgement {
  readonly commands: readonly ServerCommand[];
  readonly problems: readonly string[];
}

/** The commands for one server that stays: its address, its weight, whether it is disabled. */
export function changeCommands(pair: ServerPair): Judged {
  const { was, server } = pair;
  if (was.unread || server.unread) {
    return unread(was, server);
  }
  const differ = settingsThatDiffer(was, server);
  const judgements = [
    sameAddress(was.address, server.address) ? null : judgeAddress(pair),
    differ.includes('weight') ? judgeWeight(pair) : null,
    differ.includes('disabled') ? judgeState(pair) : null,
  ].filter((judgement) => judgement !== null);
  const problems = [
    ...differ.filter((name) => !IN_PLACE.has(name)).map((name) => `the keyword ${name} of it is changed`),
    ...(judgements.length > 0 ? GOVERNED.filter((name) => server.settings.has(name)).map(governed) : []),
    ...judgements.flatMap((judgement) => judgement.problems),
  ];
  const reasons = problems.map((problem) => reasonFor(server, problem));
  return { commands: judgements.flatMap(({ commands }) => commands), reasons };
}

function reasonFor({ name, line }: Server, problem: string): Judged['reasons'][number] {
  return { message: `server ${name}: ${problem}`, line, of: 'new' };
}

function unread(was: Server, server: Server): Judged {
  const same = was.unread && server.unread && was.unread.words === server.unread.words;
  const why = server.unread?.why ?? was.unread?.why;
  return { commands: [], reasons: same ? [] : [reasonFor(server, `it is changed, and ${why}`)] };
}

function settingsThatDiffer(was: Server, server: Server): string[] {
  const names = new Set([...was.settings.keys(), ...server.settings.keys()]);
  return [...names].filter((name) => settingOf(was, name) !== settingOf(server, name));
}

/** `weight 1` is what a server has that says nothing. */
function settingOf({ settings }: Server, name: string): string | undefined {
  return settings.get(name) ?? (name === 'weight' ? '1' : undefined);
}

function sameAddress(a: string, b: string): boolean {
  if (a === b) {
    return true;
  }
  const [one, other] = [literalAddress(a), literalAddress(b)];
  return one !== undefined && one.host === other?.host && one.port === other.port;
}

function judgeAddress({ was, server, facts }: ServerPair): Judgement {
  const problems: string[] = [];
  for (const { address } of [was, server]) {
    if (!literalAddress(address)) {
      problems.push(`its address is changed, and ${address || '""'} is no literal IP:port`);
    }
  }
  for (const name of TIED_TO_ADDRESS.filter((tied) => server.settings.has(tied))) {
    problems.push(`its address is changed, and it has the keyword ${name}`);
  }
  for (const what of facts.hinders.address) {
    problems.push(`its address cannot change at run time with ${what}`);
  }
  const found = literalAddress(server.address);
  if (!found) {
    return { commands: [], problems };
  }
  return { commands: [{ kind: 'address', backend: facts.backend, server: server.name, ...found }], problems };
}

function judgeWeight({ server, facts: { backend, balance } }: ServerPair): Judgement {
  const problems: string[] = [];
  const text = settingOf(server, 'weight') ?? '';
  const weight = Number(text);
  if (!/^\d{1,3}$/.test(text) || weight > 256) {
    problems.push(`its weight ${text} is not from 0 to 256`);
  }
  if (balance.kind === 'static' || balance.kind === 'unknown') {
    problems.push(`its weight cannot change at run time with balance ${balance.name}`);
  }
  return { commands: [{ kind: 'weight', backend, server: server.name, weight }], problems };
}

function judgeState({ server, isNamed, facts: { backend } }: ServerPair): Judgement {
  const state = server.settings.has('disabled') ? 'maint' : 'ready';
  const problems = isNamed(server.name) ? ['it is disabled or enabled, and other lines name it'] : [];
  return { commands: [{ kind: 'state', backend, server: server.name, state }], problems };
}
