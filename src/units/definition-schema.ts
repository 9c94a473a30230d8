import { z } from 'zod';
import { keysOf, leaf, type SettingKey } from '../settings/leaf.ts';
import {
  allMatching,
  command,
  duration,
  endpoints,
  flag,
  longDuration,
  matching,
  prefixes,
  text,
  whole,
  word,
} from '../settings/values.ts';

/** A path on the host or in a container: no white space, and nothing that Docker or systemd would read as more. */
const PATH = '/[^\\s:,\\x00-\\x1f\\x7f]*';

/** Texts by name, as they are written. */
function texts(name: RegExp, fits: string) {
  return leaf('free', fits, z.record(z.string().regex(name), z.string().regex(/^[^\x00-\x1f\x7f]*$/)));
}

/** A port inside of the container, and the host's where it is a fixed one. */
function publishedPorts() {
  const inside = z
    .int()
    .min(1)
    .max(65_535)
    .transform((port) => ({ inside: port, host: null }));
  const both = z
    .string()
    .regex(/^\d{1,5}:\d{1,5}$/)
    .transform((written) => {
      const [host = 0, port = 0] = written.split(':').map(Number);
      return { inside: port, host };
    })
    .refine(({ inside: port, host }) => [port, host].every((one) => one >= 1 && one <= 65_535));
  return leaf(
    'list',
    'a list of ports such as 8080, or "80:8080" for a fixed port of the host',
    z.array(z.union([inside, both])),
  );
}

/** How a service gets into etcd. */
export const PRESENCES = ['unit', 'exec', 'labels', 'none'] as const;

const service = z.strictObject({
  image: text('an image with its tag, such as registry.example.com/web:git-1a2b3c4').exactOptional(),
  anyImage: flag().exactOptional(),
  ports: publishedPorts().exactOptional(),
  env: texts(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a map of environment variables, each in one line').exactOptional(),
  envFiles: allMatching(new RegExp(`^${PATH}$`), 'a list of paths of files on the host').exactOptional(),
  volumes: allMatching(
    new RegExp(`^(?:${PATH}|[A-Za-z0-9][A-Za-z0-9_.-]*):${PATH}(?::(?:ro|rw))?$`),
    'a list of volumes such as /srv/web:/data:ro or name:/data',
  ).exactOptional(),
  command: command().exactOptional(),
  options: allMatching(
    /^-[^\x00-\x1f\x7f]+$/,
    'a list of further flags of docker run, each in one text, such as --read-only or --tmpfs=/tmp',
  ).exactOptional(),
  instances: leaf(
    'text',
    'a whole number from 0 to 1000, or each for one on every host',
    z.union([z.int().min(0).max(1000), z.literal('each')]),
  ).exactOptional(),
  role: matching(/^[A-Za-z0-9_.-]{1,64}$/, 'a role of hosts').exactOptional(),
  spread: word(['zone', 'host']).exactOptional(),
  presence: word(PRESENCES).exactOptional(),
  check: matching(
    /^(?:tcp|\/\S*|http:\/\/[^\s/@]+(?:\/\S*)?)$/,
    'tcp, a path such as /healthz, or http://host:port/path',
  ).exactOptional(),
  drain: duration().exactOptional(),
  stop: duration().exactOptional(),
  weight: whole(0, 256).exactOptional(),
  tags: allMatching(
    /^[A-Za-z0-9_.:/=@+-]{1,128}$/,
    'a list of tags: each 1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -',
  ).exactOptional(),
  meta: texts(
    /^(?!owner$)[A-Za-z0-9_.-]{1,64}$/,
    'a map of facts for templates, each in one line; owner is set by Pointsman',
  ).exactOptional(),
  needs: allMatching(
    /^[A-Za-z0-9_:.@-]{1,200}$/,
    'a list of services of this file, or of units such as srv-data.mount',
  ).exactOptional(),
  memory: matching(/^[1-9]\d{0,9}[kmg]$/, 'an amount such as 512m or 2g').exactOptional(),
  cpus: leaf('number', 'processors, such as 0.5 or 2', z.number().gt(0).max(1024)).exactOptional(),
  restart: z
    .strictObject({
      pause: longDuration().exactOptional(),
      most: whole(1, 10_000).exactOptional(),
      within: longDuration().exactOptional(),
    })
    .refine(
      (one) => 'most' in one === 'within' in one,
      'most and within belong together: give both or neither',
    )
    .exactOptional(),
  log: z
    .strictObject({ lines: whole(0, 10_000_000).exactOptional(), within: longDuration().exactOptional() })
    .exactOptional(),
});

const announce = z
  .strictObject({
    image: text('an image of Pointsman with its tag').exactOptional(),
    program: matching(new RegExp(`^${PATH}$`), 'the path of pointsman on the hosts').exactOptional(),
    etcd: endpoints().exactOptional(),
    interface: matching(
      /^[A-Za-z0-9_.:@-]{1,32}$/,
      'the name of a network interface such as eth0',
    ).exactOptional(),
    ttl: longDuration().exactOptional(),
  })
  .refine((one) => !('image' in one && 'program' in one), 'is run by one of them: give image or program');

const environment = z.strictObject({
  prefix: prefixes().exactOptional(),
  domain: matching(
    /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/,
    'a domain such as qa1.example.com',
  ).exactOptional(),
  etcd: endpoints().exactOptional(),
  hosts: allMatching(/^[A-Za-z0-9_.-]{1,253}$/, 'a list of names of hosts').exactOptional(),
  counts: leaf(
    'free',
    'a map: how many instances of each service',
    z.record(z.string(), z.union([z.int().min(0).max(1000), z.literal('each')])),
  ).exactOptional(),
  services: z.record(z.string(), service).exactOptional(),
});

/** What a file of definitions may hold. */
export const definitionSchema = z.strictObject({
  announce: announce.exactOptional(),
  defaults: service.exactOptional(),
  services: z.record(z.string(), service),
  environments: z.record(z.string(), environment).exactOptional(),
});

/** Every key of a file of definitions, in the order of the schema. */
export const DEFINITION_KEYS: readonly SettingKey[] = keysOf(definitionSchema);

/** A file of definitions, checked key by key. */
export type Definition = z.output<typeof definitionSchema>;
/** What is said of a service in one place: of all of them, of this one, or of this one in an environment. */
export type ServiceFields = z.output<typeof service>;

const host = z.strictObject({
  zone: matching(/^[A-Za-z0-9_.-]{1,64}$/, 'the name of a zone').exactOptional(),
  roles: allMatching(/^[A-Za-z0-9_.-]{1,64}$/, 'a list of roles').exactOptional(),
  address: matching(
    /^[0-9A-Za-z_.:-]{1,253}$/,
    'the address that HAProxy reaches the host at',
  ).exactOptional(),
});

/** What a file of hosts may hold. */
export const hostsSchema = z.strictObject({ hosts: z.record(z.string(), host.nullable()) });

/** Every key of a file of hosts. */
export const HOST_KEYS: readonly SettingKey[] = keysOf(hostsSchema);
