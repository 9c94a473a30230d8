import { PointsmanError } from '../errors.ts';

/** What HAProxy says of a configuration that it refuses, as the end of a command. */
export function refused(output: string, lines: readonly string[]): PointsmanError {
  const shown = [output, ...lines.map((line) => `  ${line}`)].join('\n');
  return new PointsmanError('refused', `checking the configuration: haproxy refused it:\n${shown}`, {
    hint: 'What is installed stays. `pointsman services` shows what each key gave.',
  });
}
