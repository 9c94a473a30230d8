import { Argument, type Command, CommanderError, Option } from 'commander';
import { interpretOnly } from '../system/small-process.ts';
import type { AnnounceFlags } from './announce-settings.ts';
import { bounded, parseTimeout } from './bounded.ts';
import { SHELLS, type Shell } from './completion-scripts.ts';
import type { HistoryFlags } from './history.ts';
import { type BoundedFlags, EXIT, type ExitCode, type Io } from './io.ts';
import type { MigrateFlags } from './migrate.ts';
import type { RollbackFlags } from './rollback.ts';
import type { RouteFlags } from './route.ts';
import type { RunFlags } from './run.ts';
import type { SyncFlags } from './sync.ts';
import type { UnitsFlags } from './units.ts';

const ACCEPT_STALE = 'where the sources do not answer, take a cache of any age';
const DEFAULT_TIMEOUT = '30s';
const QUICKSTART = '--config examples/quickstart/pointsman.yaml';
const collect = (value: string, before: readonly string[] = []) => [...before, value];

/** Every verb loads its own code when it is called, so that `--help` stays quick. */
export function addCommands(program: Command, io: Io, ended: (code: number) => void): void {
  const version = () => {
    io.out(`${io.version}\n`);
    throw new CommanderError(EXIT.fine, 'commander.version', io.version);
  };
  program
    .description(
      'The confd replacement for HAProxy: etcd or files in, a validated haproxy.cfg out, HAProxy follows.',
    )
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text.trimEnd()) })
    .addHelpText('after', `\nExample:\n  pointsman render --dry-run ${QUICKSTART}`)
    .showHelpAfterError('Try: pointsman --help')
    .enablePositionalOptions()
    .option('-v, --version', 'print the version')
    .on('option:version', version)
    .addOption(new Option('-V').hideHelp())
    .on('option:V', version);
  withCommonOptions(program).hook('preAction', takeOver);
  program.option('--timeout <duration>', 'how long a command may take at most that does one thing and ends');

  verb(program, 'run', 'the daemon: watch, render, validate, publish and make HAProxy follow', {
    daemon: true,
  })
    .option('--accept-stale', ACCEPT_STALE)
    .action(async (flags: RunFlags) => {
      const { run } = await import('./run.ts');
      ended(await run(io, flags));
    });

  verb(program, 'announce', 'the presence partner: register a service in etcd for as long as this runs', {
    example: 'announce --service web --port 8080 --host 10.0.0.7 --etcd http://127.0.0.1:2379',
    daemon: true,
  })
    .option('--etcd <urls>', 'the members of etcd, by comma: etcd.endpoints of the settings')
    .option('--service <name>', 'what it is an instance of')
    .option('--port <number>', 'the port that HAProxy reaches it at')
    .option('--instance <id>', 'the name of the instance (default: <host>:<service>:<port>)')
    .option('--host <address>', 'the address that HAProxy reaches it at (default: that of the way to etcd)')
    .option('--interface <name>', 'the network interface that has this address')
    .option(
      '--check <tcp|path|url>',
      'registered only while it is well: tcp, /healthz, http://host:port/path',
    )
    .option('--rise <number>', 'good checks in a row, 100 ms apart, that make it well (default: 2)')
    .option('--fall <number>', 'bad checks in a row that end that (default: 3)')
    .option('--interval <duration>', 'how far apart checks are while it is well (default: 5s)')
    .option('--weight <number>', 'its weight, 0 to 256')
    .option('--tags <list>', 'tags for templates, by comma')
    .option('--meta <name=value>', 'a fact for templates, such as version=1.2; may be repeated', collect, [])
    .option('--owner <text>', 'whose key it is (default: <machine id>/<service>/<instance>)')
    .option('--ttl <duration>', 'how long the key outlives this process (default: 5m)')
    .option('--drain <duration>', 'how long it drains at the end (default: 5s)')
    .option('--container <name>', 'announce this container, wherever the engine publishes it')
    .option('--container-port <number>', 'its port inside (default: the only one that is published)')
    .option('--all', 'announce every container that asks for it by the label pointsman.service')
    .option('--registrator-labels', "with --all: read SERVICE_NAME and its kind, too, in registrator's way")
    .option('--engine <address>', 'where the engine listens (default: DOCKER_HOST, or the socket of Docker)')
    .option('--leave', 'with --all: take this host out: drain and delete all that it has announced, and end')
    .option('--listen <address>', 'where /healthz, /readyz and /metrics answer (default: nowhere)')
    .option('--once', 'register, once it is well, and end: the key stays for --ttl')
    .option('--timeout <duration>', 'with --once: how long it may take at most (default: 30s)')
    .option('--adopt', 'take over keys that have neither owner nor lease, as registrator writes them')
    .option(
      '--exec',
      'run the service, with what follows as its program and arguments; the last of the flags',
    )
    .argument('[command...]', 'with --exec')
    .usage('[options] [--exec program arguments...]')
    // What belongs to the service is not read as ours.
    .passThroughOptions()
    .action(async (command: readonly string[], flags: AnnounceFlags) => {
      interpretOnly();
      const { announce } = await import('./announce.ts');
      ended(await announce(io, flags, command));
    });

  program
    .command('units')
    .description('make systemd, fleet or Butane units of service definitions')
    .argument('<file>', 'the definitions, a YAML file')
    .option('--format <format>', 'systemd, fleet or butane', 'systemd')
    .option('--hosts <file>', 'the hosts to spread services over, a YAML file')
    .option('--environment <name>', 'which of the environments of the definitions')
    .option('--templates <dir>', 'templates of your own: service.njk, presence.njk, butane.njk')
    .option('--out <dir>', 'write them there, and remove what is left over of an earlier call')
    .option('--diff <dir>', 'print how they differ from what is there')
    .option('--check <dir>', 'exit with 4 where they differ from what is there')
    .addHelpText(
      'after',
      '\nExample:\n  pointsman units examples/units/services.yaml --environment qa1 --hosts examples/units/hosts.yaml',
    )
    .showHelpAfterError('Try: pointsman units --help')
    .action(async (file: string, flags: UnitsFlags) => {
      const { units } = await import('./units.ts');
      ended(await units(io, file, flags));
    });

  program
    .command('migrate')
    .description('make settings and templates of a folder of confd')
    .argument('<confdir>', "confd's folder: conf.d, templates and confd.toml")
    .option('--out <dir>', 'write them there, where none of them is yet; without, print them')
    .option('--backend <name>', "confd's flag: over confd.toml")
    .option('--node <url>', "confd's flag, may be repeated: over confd.toml", collect)
    .option('--prefix <prefix>', "confd's flag: over confd.toml")
    .addHelpText('after', '\nExample:\n  pointsman migrate examples/from-confd/confd')
    .showHelpAfterError('Try: pointsman migrate --help')
    .action(async (folder: string, flags: MigrateFlags) => {
      const { migrate } = await import('./migrate.ts');
      ended(await migrate(io, folder, flags));
    });

  verb(program, 'sync', 'write what ec2 and file sources give to etcd: one of several that run does', {
    daemon: true,
    settings: '--config /etc/pointsman/sync.yaml',
  })
    .option('--release', 'believe what the sources say at the start, whatever has gone from them')
    .action(async (flags: SyncFlags) => {
      const { sync } = await import('./sync.ts');
      ended(await sync(io, flags));
    });

  /** A verb that does one thing and ends, within `--timeout`. */
  const once = <Flags>(name: string, description: string, { load, ...more }: Once<Flags>) =>
    verb(program, name, description, more).action(async (flags: Flags & BoundedFlags) => {
      const work = await load();
      ended(
        await bounded(io, { verb: name, timeout: parseTimeout(flags.timeout) }, (inner) =>
          work(inner, flags),
        ),
      );
    });

  once('render', 'once: render, validate, publish, and have HAProxy follow if it changed', {
    load: async () => (await import('./render.ts')).render,
    example: 'render --dry-run',
    from: true,
  })
    .option('--dry-run', 'print the configuration and touch nothing')
    .option('--diff', 'with --dry-run: print the unified diff to what is installed instead')
    .option('--accept-stale', ACCEPT_STALE)
    .option('--exit-code', 'exit with 4 where there is a difference to what is installed')
    .option('--validate', 'with --dry-run: ask haproxy -c; exit with 3 where it refuses')
    .option('--without-rollback', 'with --dry-run: as if no rollback held');

  once('services', 'every service and instance, how HAProxy has it, and every rejected key with its reason', {
    load: async () => (await import('./services.ts')).services,
    from: true,
  })
    .option('--json', 'as JSON')
    .option('--cached', 'where no daemon answers: what it believed last, instead of reading the sources')
    .option('--diff', 'how the daemon differs from what the sources say now, and HAProxy from the daemon');

  verb(program, 'route', 'which rule answers a URL, by which servers, and why not another', {
    example: 'route http://web/',
    from: true,
  })
    .argument('<url>', 'as a client asks for it; without a port it comes to the shared frontend')
    .option('--header <header>', "a header of the request, such as 'Host: web'; may be repeated", collect, [])
    .option('--method <method>', 'of the request (default: GET)')
    .option('--json', 'as JSON')
    .action(async (url: string, flags: RouteFlags & BoundedFlags) => {
      const { route } = await import('./route.ts');
      const how = { verb: 'route', timeout: parseTimeout(flags.timeout) };
      ended(await bounded(io, how, (inner) => route(inner, url, flags)));
    });

  once('status', 'the daemon on one screen: what it serves, what is wrong, and what to do', {
    load: async () => (await import('./status.ts')).status,
  }).option('--json', 'as JSON');

  once('dump', 'the watched tree as YAML, fit for --from', {
    load: async () => (await import('./dump.ts')).dump,
    from: true,
  });

  once('release', 'believe the disappearance that the guard holds back, now', {
    load: async () => (await import('./release.ts')).release,
  });

  once('check', 'doctor: settings, template, haproxy, sources, sockets and permissions', {
    load: async () => (await import('./check.ts')).check,
    from: true,
  });

  program
    .command('pretty')
    .description('the log on stdin (JSON), as a terminal shows it')
    .addHelpText('after', '\nExample:\n  journalctl -u pointsman -o cat -f | pointsman pretty')
    .showHelpAfterError('Try: pointsman pretty --help')
    .action(async () => {
      const { pretty } = await import('./pretty.ts');
      ended(await pretty(io));
    });

  program
    .command('completion')
    .description('what has a shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExample:\n  pointsman completion bash\n\nIn ~/.bashrc: source <(pointsman completion bash)',
    )
    .showHelpAfterError('Try: pointsman completion --help')
    .action(async (shell: Shell) => {
      const { completion } = await import('./completion.ts');
      ended(completion(io, program, shell));
    });

  program
    .command('version')
    .description('print the version')
    .addHelpText('after', '\nExample:\n  pointsman version')
    .showHelpAfterError('Try: pointsman version --help')
    .action(() => io.out(`${io.version}\n`));

  once('why', 'the last change or failure: which key brought it, what changed, what was before, and who', {
    load: async () => (await import('./why.ts')).why,
  })
    .option('--service <name>', 'the last one about this service')
    .option('--key <key>', 'the last one that names this key')
    .option('--json', 'as JSON');

  verb(program, 'history', 'the last passes that changed something or failed; with show N one of them', {
    example: 'history --since 1h',
  })
    .argument('[show...]', 'show N: all of an entry; show N..M: what differs between two texts')
    .usage('[options] [show N[..M]]')
    .option('--service <name>', 'those about this service')
    .option('--key <key>', 'those that name this key')
    .option('--since <time>', 'those since then: 1h, 30m, 2026-03-01T14:30:00Z')
    .option('--limit <count>', 'at most so many (default: 20, with --since all)')
    .option('--json', 'as JSON, with the diffs')
    .action(async (words: readonly string[], flags: HistoryFlags & BoundedFlags) => {
      const { history } = await import('./history.ts');
      ended(
        await bounded(io, { verb: 'history', timeout: parseTimeout(flags.timeout) }, (inner) =>
          history(inner, flags, words),
        ),
      );
    });

  once('pause', 'hands off the file and HAProxy for a while; works with the daemon dead', {
    load: async () => (await import('./pause.ts')).pause,
    example: 'pause --for 30m',
  }).requiredOption('--for <duration>', 'how long: 90s, 30m, 2h, at most 168h; it ends by itself');

  verb(program, 'rollback', 'put back the text of an entry of history, until resume', {
    example: 'rollback 41',
  })
    .argument('<number>', 'of the entry')
    .option('--exact', "the very text, and not with today's servers; with --for")
    .option('--for <duration>', 'with --exact: how long, at most 2h; it ends by itself')
    .action(async (number: string, flags: RollbackFlags & BoundedFlags) => {
      const { rollback } = await import('./rollback.ts');
      const how = { verb: 'rollback', timeout: parseTimeout(flags.timeout) };
      ended(await bounded(io, how, (inner) => rollback(inner, flags, number)));
    });

  once('resume', 'end the pause and the rollback of this host', {
    load: async () => (await import('./resume.ts')).resume,
  });
}

interface VerbOptions {
  /** With what it is shown, before `--config`. @default its name */
  readonly example?: string;
  /** The settings that it is shown with. @default those of the quickstart */
  readonly settings?: string;
  /** Whether it reads keys. */
  readonly from?: true;
  /** Whether it runs until it is told to end. */
  readonly daemon?: true;
}

interface Once<Flags> extends VerbOptions {
  readonly load: () => Promise<(io: Io, flags: Flags) => Promise<ExitCode>>;
}

/** The options of nearly all verbs, which may stand before the verb as well. */
function withCommonOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the settings file (default: /etc/pointsman/pointsman.yaml)')
    .option('--set <key=value>', 'a setting, over file and environment; may be repeated', collect, [])
    .addOption(
      new Option('--log-level <level>', 'how much to tell').choices(['debug', 'info', 'warn', 'error']),
    );
}

/** What was said before the verb is the verb's, but where that says it itself. */
function takeOver(program: Command, verb: Command): void {
  for (const option of program.options) {
    const name = option.attributeName();
    if (program.getOptionValueSource(name) !== 'cli') {
      continue;
    }
    if (!verb.options.some(({ long }) => long === option.long)) {
      program.error(`error: ${verb.name()} takes no option '${option.long}'`);
    }
    const value: unknown = program.getOptionValue(name);
    if (Array.isArray(value)) {
      verb.setOptionValueWithSource(name, [...value, ...verb.getOptionValue(name)], 'cli');
    } else if (verb.getOptionValueSource(name) !== 'cli') {
      verb.setOptionValueWithSource(name, value, 'cli');
    }
  }
}

function verb(
  program: Command,
  name: string,
  description: string,
  { example = name, settings = QUICKSTART, from, daemon }: VerbOptions = {},
): Command {
  const command = withCommonOptions(program.command(name).description(description))
    .addHelpText('after', `\nExample:\n  pointsman ${example} ${settings}`)
    .showHelpAfterError(`Try: pointsman ${name} --help`);
  if (!daemon) {
    command.option('--timeout <duration>', 'how long it may take at most', DEFAULT_TIMEOUT);
  }
  return from
    ? command.option('--from <file|dir|->', 'read the keys from here instead of the sources of the settings')
    : command;
}
