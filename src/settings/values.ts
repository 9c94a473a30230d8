import { z } from 'zod';
import { networkOf } from '../model/address-rules.ts';
import { parseDuration } from '../model/duration.ts';
import { leaf } from './leaf.ts';

const DURATION = /^(\d{1,9})(ms|s|m|h)$/;

/** A duration, in milliseconds when parsed. */
export function duration() {
  const schema = z
    .string()
    .regex(DURATION)
    .transform((text) => parseDuration(text) ?? 0);
  return leaf('text', 'a duration such as 200ms, 2s, 5m or 1h', schema);
}

/** A duration that is not 0. */
export function longDuration() {
  const schema = z
    .string()
    .regex(/^0*[1-9]\d{0,8}(?:ms|s|m|h)$/)
    .transform((text) => parseDuration(text) ?? 0);
  return leaf('text', 'a duration over 0, such as 200ms, 2s, 5m or 1h', schema);
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number) {
  return leaf('number', `a whole number from ${min} to ${max}`, z.int().min(min).max(max));
}

/** One of a few words. */
export function word<const T extends readonly [string, ...string[]]>(words: T) {
  const fits = words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : words[0];
  return leaf('text', fits, z.enum(words));
}

/** A text that a pattern describes. */
export function matching(pattern: RegExp, fits: string) {
  return leaf('text', fits, z.string().regex(pattern));
}

/** Texts that a pattern describes. */
export function allMatching(pattern: RegExp, fits: string) {
  return leaf('list', fits, z.array(z.string().regex(pattern)));
}

/** A text without control characters; never empty. */
export function text(fits: string) {
  return leaf('text', fits, z.string().regex(/^[^\x00-\x1f\x7f]+$/));
}

/** A path; relative ones are resolved before this sees them. */
export function path(fits: string) {
  return leaf('path', fits, z.string().regex(/^[^\x00-\x1f\x7f]+$/));
}

/** A path, or the empty text for "there is none". */
export function pathOrNone(fits: string) {
  return leaf('path', fits, z.string().regex(/^[^\x00-\x1f\x7f]*$/));
}

/** A program's name for PATH, or its path. */
export function program() {
  return leaf('program', 'the name of a program, or its path', z.string().regex(/^[^\x00-\x1f\x7f]+$/));
}

/** A command and its arguments. */
export function command() {
  return leaf(
    'list',
    'a list: the program and its arguments',
    z
      .array(z.string().regex(/^[^\x00]*$/))
      .min(1)
      .refine(([program]) => program !== ''),
  );
}

/** A file mode in octal; a number when parsed. */
export function fileMode() {
  const schema = z
    .string()
    .regex(/^0?[0-7]{3}$/)
    .transform((octal) => Number.parseInt(octal, 8));
  return leaf('text', 'an octal mode in quotes, such as "0640"', schema);
}

/** A user or group by name or number; null, the default, leaves it as it is. */
export function principal() {
  const schema = z
    .union([z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/), z.int().min(0).transform(String)])
    .nullable();
  return leaf('text', 'a name or a number', schema);
}

/** `host:port`; both when parsed. Port 0 takes a free one. */
export function listenAddress() {
  const schema = z
    .string()
    .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/)
    .refine((address) => Number(address.slice(address.lastIndexOf(':') + 1)) <= 65535)
    .transform((address) => {
      const colon = address.lastIndexOf(':');
      return {
        host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
        port: Number(address.slice(colon + 1)),
      };
    });
  return leaf('text', 'an address and a port such as 127.0.0.1:9290', schema);
}

const PREFIX = /^(?:\/[^/\s\x00-\x1f\x7f]+)+\/?$/;
const prefix = z
  .string()
  .regex(PREFIX)
  .transform((key) => key.replace(/\/$/, ''));

/** Key prefixes: one or a list, without trailing slashes when parsed. */
export function prefixes() {
  const schema = z.union([prefix.transform((one) => [one]), z.array(prefix)]);
  return leaf('list', 'keys such as /services: one or a list, each from a slash, no empty parts', schema);
}

/** URLs of etcd. */
export function endpoints() {
  const url = z.string().regex(/^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}\/?$/);
  const schema = z.array(url.transform((endpoint) => endpoint.replace(/\/$/, ''))).min(1);
  return leaf(
    'list',
    'a list of URLs such as http://10.0.0.1:2379 (https:// for TLS), without user or path',
    schema,
  );
}

/** Names of environment variables. */
export function names() {
  return leaf(
    'list',
    'a list of names of environment variables',
    z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)),
  );
}

/** Names of hosts, without a port. */
export function hostNames() {
  return leaf(
    'list',
    'a list of host names such as node1.example.com, without a port',
    z.array(z.string().regex(/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/)),
  );
}

/** Networks, as they are written. */
export function networks() {
  const network = z.string().refine((text) => networkOf(text) !== undefined);
  return leaf(
    'list',
    'a list of networks such as 10.0.0.0/8 or fd00::/8, or single addresses',
    z.array(network),
  );
}

/** Ports; the environment writes them as texts. */
export function ports() {
  const port = z.union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number),
  ]);
  const schema = z.array(port.refine((number) => number >= 1 && number <= 65535));
  return leaf('list', 'a list of ports from 1 to 65535', schema);
}

/** True or false; the environment writes it as a text. */
export function flag() {
  const written = z.enum(['true', 'false']).transform((text) => text === 'true');
  return leaf('text', 'true or false', z.union([z.boolean(), written]));
}

/** Free values by name, for templates. */
export function free() {
  return leaf('free', 'a map of values by name', z.record(z.string(), z.unknown()));
}
