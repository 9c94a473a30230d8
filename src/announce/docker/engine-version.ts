/** A version of the engine's API: `1.44`. */
export type ApiVersion = `${number}.${number}`;

/** The version that we know; what an engine offers beyond it changes nothing for us. */
const KNOWN = '1.44';

/**
 * The version to speak: the one that we know, or the nearest to it that the engine serves. Null where it does not say
 * what it serves.
 */
export function versionToSpeak(answer: {
  readonly newest: string | null;
  readonly oldest: string | null;
}): ApiVersion | null {
  const { newest, oldest } = answer;
  const known = KNOWN satisfies ApiVersion;
  if (newest === null || !isVersion(newest)) {
    return null;
  }
  if (isBefore(newest, known)) {
    return newest;
  }
  return oldest !== null && isVersion(oldest) && isBefore(known, oldest) ? oldest : known;
}

function isVersion(text: string): text is ApiVersion {
  return /^\d{1,4}\.\d{1,4}$/.test(text);
}

function isBefore(one: ApiVersion, other: ApiVersion): boolean {
  const [[major, minor], [otherMajor, otherMinor]] = [numbers(one), numbers(other)];
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function numbers(version: ApiVersion): readonly [major: number, minor: number] {
  const [major = '', minor = ''] = version.split('.');
  return [Number(major), Number(minor)];
}
