import { type Command, Option } from 'commander';
import { bounded } from './bounded.ts';
import type { BoundedFlags, CommonFlags, ExitCode, Io } from './io.ts';
import type { RunFlags } from './run.ts';

const ACCEPT_STALE = 'where the sources do not answer, take a cache of any age';
const DEFAULT_TIMEOUT = '30s';
const collect = (value: string, before: readonly string[]) => [...before, value];

/** Every verb loads its own code when it is called, so that `--help` stays quick. */
export function addCommands(program: Command, io: Io, ended: (code: ExitCode) => void): void {
  program
    .description(
      'The confd replacement for HAProxy: etcd or files in, a validated haproxy.cfg out, HAProxy follows.',
    )
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text.trimEnd()) })
    .addHelpText(
      'after',
      '\nExample:\n  pointsman render --dry-run --config examples/quickstart/pointsman.yaml',
    )
    .showHelpAfterError('Try: pointsman --help');

  verb(program, 'run', 'the daemon: watch, render, validate, publish and make HAProxy follow', {
    example: 'pointsman run --config examples/quickstart/pointsman.yaml',
  })
    .option('--accept-stale', ACCEPT_STALE)
    .action(async (flags: RunFlags) => {
      const { run } = await import('./run.ts');
      ended(await run(io, flags));
    });

  verb(program, 'render', 'once: render, validate, publish, and have HAProxy follow if it changed', {
    example: 'pointsman render --dry-run --config examples/quickstart/pointsman.yaml',
    from: 'from',
  })
    .option('--dry-run', 'print the configuration and touch nothing')
    .option('--diff', 'with --dry-run: print the unified diff to what is installed instead')
    .option('--accept-stale', ACCEPT_STALE)
    .option('--exit-code', 'exit with 4 where there is a difference to what is installed')
    .option('--validate', 'with --dry-run: ask haproxy -c; exit with 3 where it refuses')
    .action(async (flags) => {
      const { render } = await import('./render.ts');
      ended(await bounded(io, { verb: 'render', ...flags }, (inner) => render(inner, flags)));
    });

  verb(program, 'services', 'every service and instance, and every rejected key with its reason', {
    example: 'pointsman services --config examples/quickstart/pointsman.yaml',
    from: 'from',
  })
    .option('--json', 'as JSON')
    .action(async (flags) => {
      const { services } = await import('./services.ts');
      ended(await bounded(io, { verb: 'services', ...flags }, (inner) => services(inner, flags)));
    });

  verb(program, 'dump', 'the watched tree as YAML, fit for --from', {
    example: 'pointsman dump --config examples/quickstart/pointsman.yaml',
    from: 'from',
  }).action(async (flags) => {
    const { dump } = await import('./dump.ts');
    ended(await bounded(io, { verb: 'dump', ...flags }, (inner) => dump(inner, flags)));
  });

  verb(program, 'release', 'believe the disappearance that the guard holds back, now', {
    example: 'pointsman release --config examples/quickstart/pointsman.yaml',
  }).action(async (flags: CommonFlags & BoundedFlags) => {
    const { release } = await import('./release.ts');
    ended(await bounded(io, { verb: 'release', ...flags }, (inner) => release(inner, flags)));
  });

  verb(program, 'check', 'doctor: settings, template, haproxy, sources, sockets and permissions', {
    example: 'pointsman check --config examples/quickstart/pointsman.yaml',
    from: 'from',
  }).action(async (flags) => {
    const { check } = await import('./check.ts');
    ended(await bounded(io, { verb: 'check', ...flags }, (inner) => check(inner, flags)));
  });

  verb(program, 'pause', 'hands off the file and HAProxy for a while; works with the daemon dead', {
    example: 'pointsman pause --for 30m --config examples/quickstart/pointsman.yaml',
  })
    .requiredOption('--for <duration>', 'how long: 90s, 30m, 2h, at most 168h; it ends by itself')
    .action(async (flags) => {
      const { pause } = await import('./pause.ts');
      ended(await bounded(io, { verb: 'pause', ...flags }, (inner) => pause(inner, flags)));
    });

  verb(program, 'resume', 'end the pause of this host', {
    example: 'pointsman resume --config examples/quickstart/pointsman.yaml',
  }).action(async (flags: CommonFlags & BoundedFlags) => {
    const { resume } = await import('./resume.ts');
    ended(await bounded(io, { verb: 'resume', ...flags }, (inner) => resume(inner, flags)));
  });
}

function verb(
  program: Command,
  name: string,
  description: string,
  more: { readonly example: string; readonly from?: 'from' },
): Command {
  const command = program
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'the settings file (default: /etc/pointsman/pointsman.yaml)')
    .option('--set <key=value>', 'a setting, over file and environment; may be repeated', collect, [])
    .addOption(
      new Option('--log-level <level>', 'how much to tell').choices(['debug', 'info', 'warn', 'error']),
    )
    .addHelpText('after', `\nExample:\n  ${more.example}`)
    .showHelpAfterError(`Try: pointsman ${name} --help`);
  if (name !== 'run') {
    command.option('--timeout <duration>', 'how long it may take at most', DEFAULT_TIMEOUT);
  }
  return more.from
    ? command.option('--from <file|dir|->', 'read the keys from here instead of the sources of the settings')
    : command;
}
