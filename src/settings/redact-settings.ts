import { WrittenNumber } from '../model/written-number.ts';
import type { Settings } from './settings.ts';

const SECRET = /pass|secret|token|credential|private|auth|apikey/i;
const HIDDEN = '***';
/** Shorter ones would hide half of every line. */
const SHORTEST = 4;

/**
 * The settings as they may be printed. They hold no secret of ours (`passwordFile` is only a path), but `vars`
 * may: there, values whose name sounds like one are hidden.
 */
export function redactSettings(settings: Settings): Settings {
  return { ...settings, vars: redactMap(settings.vars) };
}

/**
 * What templates may write into the configuration and nobody should read in a log: texts of `vars`, and variables of
 * `node.env`, whose name sounds like a secret.
 */
export function secretsOf(settings: Settings, env: Readonly<Record<string, string | undefined>>): string[] {
  const named = settings.node.env.filter((name) => SECRET.test(name)).map((name) => env[name] ?? '');
  const all = [...textsBelow(settings.vars, 'open'), ...named];
  return all.filter((text) => text.length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/** Puts `***` in the place of every secret in a text. The longest first, so that none is left in part. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((said, secret) => said.replaceAll(secret, HIDDEN), text);
}

function redactMap(map: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [name, SECRET.test(name) ? HIDDEN : redact(value)]),
  );
}

function redact(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(redact);
  }
  return typeof value === 'object' && value !== null && !(value instanceof WrittenNumber)
    ? redactMap(value)
    : value;
}

/** `secret`: something above is named like one, so all below is. */
function textsBelow(value: unknown, above: 'secret' | 'open'): string[] {
  if (typeof value === 'string' || typeof value === 'number' || value instanceof WrittenNumber) {
    return above === 'secret' ? [String(value)] : [];
  }
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    textsBelow(inner, above === 'secret' || SECRET.test(name) ? 'secret' : 'open'),
  );
}
