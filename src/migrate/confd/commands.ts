/** What a setting becomes, and why. */
export interface Decided<T> {
  readonly value: T;
  readonly reason: string;
  /** Whether somebody has to look at it. */
  readonly isMarked: boolean;
}

/** How HAProxy is told of a new file. */
export type Reload =
  | { readonly mode: 'none' }
  | { readonly mode: 'signal'; readonly pidFile: string }
  | { readonly mode: 'command'; readonly command: readonly string[] };

const BETTER =
  'with `haproxy -W -S /run/haproxy/master.sock` and `haproxy.mode: master-socket` a reload is verified';

/** What `reload_cmd` becomes. */
export function reloadOf(text: string | undefined): Decided<Reload> {
  const line = text?.trim() ?? '';
  if (line === '') {
    return {
      value: { mode: 'none' },
      isMarked: true,
      reason: `there was none: the file is written and HAProxy is not told; ${BETTER}`,
    };
  }
  const signal =
    /^(?:\/\S*\/)?kill\s+(?:-s\s+|-)(?:SIG)?(?:USR2|12)\s+["']?(?:\$\(\s*(?:cat|<)\s*(\S+?)\s*\)|`cat\s+(\S+?)`)["']?$/.exec(
      line,
    );
  const pidFile = signal?.[1] ?? signal?.[2];
  if (pidFile !== undefined) {
    return {
      value: { mode: 'signal', pidFile },
      isMarked: false,
      reason: `SIGUSR2 to the process of ${pidFile}, once it is recognised as HAProxy's master; ${BETTER}`,
    };
  }
  const value: Reload = { mode: 'command', command: commandOf(line) };
  const why = reasonFor(line);
  return {
    value,
    isMarked: why.isMarked,
    reason: `${why.reason}; its exit code is all that is known of the reload: ${BETTER}`,
  };
}

function reasonFor(line: string): { readonly reason: string; readonly isMarked: boolean } {
  if (/\bhaproxy\b.*\s-(?:sf|st)\b/.test(line)) {
    return {
      reason: 'a new HAProxy takes over from the old one; where it runs as a daemon (-D), nobody watches it',
      isMarked: true,
    };
  }
  if (
    /^(?:sudo\s+)?(?:\/\S*\/)?systemctl\s+(?:reload|reload-or-restart)\s|^(?:sudo\s+)?(?:\/\S*\/)?service\s+\S+\s+reload$|\/etc\/init\.d\/\S+\s+reload$/.test(
      line,
    )
  ) {
    return { reason: 'the service manager reloads HAProxy', isMarked: false };
  }
  if (/\bs6-svc\s+.*-(?:2|h)\b/.test(line)) {
    return { reason: 's6 sends the signal', isMarked: false };
  }
  if (/\brestart\b/.test(line)) {
    return { reason: 'it restarts HAProxy, which cuts every connection: a reload does not', isMarked: true };
  }
  if (/haproxy-systemd-wrapper/.test(line)) {
    return { reason: 'haproxy-systemd-wrapper went with HAProxy 1.8', isMarked: true };
  }
  return { reason: 'nothing is known of this command', isMarked: true };
}

/** What `check_cmd` becomes: null where the built-in check does the same. */
export function checkOf(text: string | undefined): Decided<readonly string[] | null> {
  const line = text?.trim() ?? '';
  if (line === '') {
    return {
      value: null,
      isMarked: false,
      reason: 'there was none: `haproxy -c` judges every text now before it is written',
    };
  }
  const filled = line.replace(/\{\{-?\s*\.src\s*-?\}\}/g, '{config}');
  if (filled.includes('{{')) {
    return {
      value: null,
      isMarked: true,
      reason:
        'it is a template that does more than name {{.src}}: the built-in check (`haproxy -c`) stands in its place',
    };
  }
  if (!filled.includes('{config}')) {
    return {
      value: null,
      isMarked: true,
      reason:
        'it names no {{.src}}, and cannot judge the new text: the built-in check (`haproxy -c`) stands in its place',
    };
  }
  const words = filled.replace(/\s*(?:[12]?>\s*\S+|2>&1)/g, '').split(/\s+/);
  const [program = '', ...args] = words;
  const plain = args.filter((word) => !['-c', '-f', '-q', '-V', '-d', '-dM', '{config}'].includes(word));
  if (/(?:^|\/)haproxy$/.test(program) && plain.length === 0) {
    return { value: null, isMarked: false, reason: 'built in' };
  }
  return { value: commandOf(filled), isMarked: false, reason: 'as it was, with {config} for the new file' };
}

/** A line of a shell as a list of words; with anything of the shell's in it, a call of the shell. */
export function commandOf(line: string): readonly string[] {
  return /[^\w\s./:=@,+%{}-]/.test(line) ? ['/bin/sh', '-c', line] : line.split(/\s+/);
}
