import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** Prometheus' own checks; set-up puts it there. */
const PROMTOOL = fileURLToPath(new URL('../../.cache/promtool-2.42/bin/promtool', import.meta.url));

/** Runs it, in `cwd`; gives its exit code, and all that it said. */
export async function promtool(
  args: readonly string[],
  { input = '', cwd = '.' }: { readonly input?: string; readonly cwd?: string } = {},
): Promise<{ readonly code: number | undefined; readonly said: string }> {
  const { exitCode, all = '' } = await execa(PROMTOOL, args, { input, cwd, all: true, reject: false });
  return { code: exitCode, said: all };
}

/** What it finds wrong with metrics: their form, names, types and help; empty where nothing is. */
export async function lintMetrics(text: string): Promise<string> {
  const { code, said } = await promtool(['check', 'metrics'], { input: text });
  return code === 0 ? said : `exit code ${code}: ${said}`;
}
