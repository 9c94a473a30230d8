import type { Settings } from './settings.ts';

const SECRET = /pass|secret|token|credential|private|auth|apikey/i;

/**
 * The settings as they may be printed. They hold no secret of ours (`passwordFile` is only a path), but `vars`
 * may: there, values whose name sounds like one are hidden.
 */
export function redactSettings(settings: Settings): Settings {
  return { ...settings, vars: redactMap(settings.vars) };
}

function redactMap(map: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [name, SECRET.test(name) ? '***' : redact(value)]),
  );
}

function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  return typeof value === 'object' && value !== null ? redactMap(value) : value;
}
