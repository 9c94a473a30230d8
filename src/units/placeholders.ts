/** What `${…}` in a definition may stand for; null where there is none here. */
export interface Placeholders {
  readonly environment: string | null;
  readonly domain: string | null;
  readonly service: string;
}

/** Puts the values in the place of `${environment}`, `${domain}` and `${service}`; `$${` is a plain `${`. `wrong` is told of others. */
export function fillIn(text: string, values: Placeholders, wrong: (message: string) => void): string {
  return text.replace(/\$(\$?)\{([^}]*)\}/g, (whole, escaped: string, name: string) => {
    if (escaped !== '') {
      return whole.slice(1);
    }
    if (!Object.hasOwn(values, name)) {
      wrong(
        `\${${name}} is none of \${environment}, \${domain} and \${service}; a plain one is written $\${${name}}`,
      );
      return whole;
    }
    const value = values[name as keyof Placeholders];
    if (value === null) {
      wrong(
        `\${${name}} has no value here: ${name === 'domain' ? 'the environment has no domain' : 'no environment is chosen'}`,
      );
    }
    return value ?? whole;
  });
}
