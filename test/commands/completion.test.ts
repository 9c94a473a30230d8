import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { completion } from '../../src/commands/completion.ts';
import { completedOf } from '../../src/commands/completion-model.ts';
import { SHELLS, type Shell } from '../../src/commands/completion-scripts.ts';
import type { Io } from '../../src/commands/io.ts';
import { addCommands } from '../../src/commands/program.ts';
import { tempFolder } from '../support/haproxy.ts';

const program = new Command('pointsman');
addCommands(program, { out: () => {}, err: () => {} } as unknown as Io, () => {});
const verbs = [...program.commands.map((command) => command.name()), 'help'];

function scriptFor(shell: Shell): string {
  const said: string[] = [];
  completion({ out: (text: string) => said.push(text) } as unknown as Io, program, shell);
  return said.join('');
}

/** What a shell offers after the cursor's words, in a folder with one file and one folder. */
const ASKED: Readonly<Record<Shell, (words: readonly string[]) => string>> = {
  bash: (words) => `${scriptFor('bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_pointsman; printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: (words) => `${scriptFor('fish')}
complete -C '${words.join(' ')}'`,
  // What is offered is seen by a terminal alone: zpty is one.
  zsh: (words) => `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1= PROMPT= RPROMPT=; stty -echo; bindkey -e; LISTMAX=9999; autoload -Uz compinit; compinit -u -D; source ./_pointsman; zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu false; bindkey '^I' list-choices; echo re''ady"
zpty -r z first '*ready*'
zpty -n -w z $'${words.join(' ')}\\t'
for i in {1..100}; do
  sleep 0.1
  zpty -r -t z more && { all+=$more; last=$i }
  (( last > 0 && i - last > 10 )) && break
done
print -r -- $all
zpty -d z`,
};

/** zsh is asked through a terminal, which takes its time: with all tests alone. */
const asked = process.env.TEST_ALL === undefined ? SHELLS.filter((shell) => shell !== 'zsh') : SHELLS;
async function offered(shell: Shell, ...words: string[]): Promise<string[]> {
  await using folder = await tempFolder();
  await writeFile(path.join(folder.path, 'settings.yaml'), '');
  await writeFile(path.join(folder.path, '_pointsman'), scriptFor(shell));
  await mkdir(path.join(folder.path, 'setdir'));
  const { stdout } = await execa(shell, ['-c', ASKED[shell](words)], {
    cwd: folder.path,
    env: { HOME: folder.path, XDG_CONFIG_HOME: folder.path, TERM: 'dumb' },
  });
  return stdout.split(/[\r\n]+|\s{2,}/).flatMap((line) => {
    const word = line.split('\t')[0]?.trim().replace(/\/$/, '') ?? '';
    return word === '' ? [] : [word];
  });
}

test.each(asked)('%s completes verbs, flags, choices and files', async (shell) => {
  expect((await offered(shell, 'pointsman', '')).toSorted()).toEqual(
    expect.arrayContaining(verbs.toSorted()),
  );
  expect(await offered(shell, 'pointsman', 'sta')).toEqual(expect.arrayContaining(['status']));
  expect(await offered(shell, 'pointsman', 'render', '--d')).toEqual(
    expect.arrayContaining(['--diff', '--dry-run']),
  );
  const levels = await offered(shell, 'pointsman', 'run', '--log-level', '');
  expect(levels).toEqual(expect.arrayContaining(['debug', 'info', 'warn', 'error']));
  expect(levels).not.toContain('settings.yaml');
  expect(await offered(shell, 'pointsman', 'run', '--config', 'set')).toEqual(
    expect.arrayContaining(['settings.yaml', 'setdir']),
  );
  expect(await offered(shell, 'pointsman', 'completion', '')).toEqual(expect.arrayContaining([...SHELLS]));
  expect(await offered(shell, 'pointsman', 'pause', '--for', '')).not.toContain('settings.yaml');
  // Options may stand before the verb.
  expect(await offered(shell, 'pointsman', '--log-level', 'debug', 'ser')).toContain('services');
});

test('bash completes what follows an equals sign, which splits words for it', async () => {
  expect(await offered('bash', 'pointsman', 'run', '--log-level', '=', 'de')).toEqual(['debug']);
  expect(await offered('bash', 'pointsman', 'run', '--log-level', '=')).toContain('warn');
  expect(await offered('bash', 'pointsman', '--log-level', '=', 'debug', 'ver')).toEqual(['version']);
  expect(await offered('bash', 'pointsman', 'units', '--out', 'set')).toEqual(['setdir']);
});

test.each(SHELLS)('the completion for %s names each verb and each flag of commander', (shell) => {
  const script = scriptFor(shell);
  for (const { name, flags } of completedOf(program).verbs) {
    expect(script).toContain(name);
    for (const { long } of flags) {
      expect(script).toContain(shell === 'fish' ? `-l ${long.slice(2)}` : long);
    }
  }
});
