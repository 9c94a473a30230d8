import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { EC2_FACTS, ec2Filters, fixedOrTag, portOrTag } from './ec2-values.ts';
import { keysOf, leaf, type SettingKey } from './leaf.ts';
import {
  allMatching,
  command,
  duration,
  endpoints,
  fileMode,
  flag,
  free,
  hostNames,
  listenAddress,
  longDuration,
  matching,
  names,
  networks,
  path,
  pathOrNone,
  ports,
  prefixes,
  principal,
  program,
  text,
  whole,
  word,
} from './values.ts';

/** The template that comes with the package. */
export const PACKAGED_TEMPLATE = fileURLToPath(new URL('../../templates/haproxy.cfg.njk', import.meta.url));

const etcd = z
  .strictObject({
    endpoints: endpoints().exactOptional(),
    srv: matching(
      /^(?=.{1,200}$)[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
      'a domain such as example.com',
    ).exactOptional(),
    nameservers: allMatching(
      /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/,
      'a list of addresses such as 10.0.0.2, 10.0.0.2:5353 or [fd00::2]:53',
    ).exactOptional(),
    tls: z
      .strictObject({
        ca: path('the path of a PEM file').exactOptional(),
        cert: path('the path of a PEM file').exactOptional(),
        key: path('the path of a PEM file').exactOptional(),
      })
      .refine((tls) => 'cert' in tls === 'key' in tls, 'cert and key belong together: give both or neither')
      .exactOptional(),
    username: text('a user of etcd').exactOptional(),
    passwordFile: path('the path of a file that holds the password').exactOptional(),
    proxy: word(['none', 'environment']).prefault('none'),
  })
  .refine((one) => 'endpoints' in one || 'srv' in one, {
    path: ['endpoints'],
    message:
      'is missing; would fit: a list of URLs such as http://10.0.0.1:2379 (https:// for TLS), without user or path; or srv in its place',
  })
  .refine((one) => !('endpoints' in one && 'srv' in one), {
    message: 'has endpoints and srv: give one of the two',
  })
  .refine((one) => !('nameservers' in one) || 'srv' in one, {
    message: 'has nameservers, which only srv needs',
    when: unspoiled,
  })
  .refine((one) => 'username' in one === 'passwordFile' in one, {
    message: 'username and passwordFile belong together: give both or neither',
    when: unspoiled,
  })
  .refine((one) => !one.tls || (one.endpoints ?? []).every((url) => url.startsWith('https://')), {
    message: 'has tls, but an endpoint that starts with http://: write https://',
    when: unspoiled,
  })
  .transform(({ endpoints = [], ...one }) => ({ endpoints, ...one }));

const ec2 = z.strictObject({
  region: matching(/^[a-z]{2}[a-z-]*-\d{1,2}$/, 'a region such as eu-central-1').exactOptional(),
  filters: ec2Filters().prefault({}),
  service: fixedOrTag(/^[A-Za-z0-9_.-]{1,64}$/, 'the name of a service, or tag:NAME'),
  port: portOrTag(),
  address: word(['private', 'public', 'ipv6']).prefault('private'),
  interval: longDuration().prefault('60s'),
  meta: allMatching(
    new RegExp(`^(?:${EC2_FACTS.join('|')}|tag:[^\\x00-\\x1f\\x7f]{1,128})$`),
    `a list of ${EC2_FACTS.join(', ')} or tag:NAME`,
  ).prefault([]),
  endpoint: matching(
    /^https?:\/\/[^\s/@]+\/?$/,
    'a URL such as https://ec2.eu-central-1.amazonaws.com',
  ).exactOptional(),
});

const source = z
  .strictObject({
    etcd: etcd.exactOptional(),
    file: z.strictObject({ path: path('the path of a file or a folder') }).exactOptional(),
    ec2: ec2.exactOptional(),
    optional: flag().exactOptional(),
  })
  .refine(({ optional: _, ...kinds }) => Object.keys(kinds).length === 1, {
    message: 'is one source: either etcd, file or ec2',
    when: unspoiled,
  })
  .transform(({ etcd, file, ec2, ...rank }) => ({
    ...(etcd
      ? { kind: 'etcd' as const, ...etcd }
      : ec2
        ? { kind: 'ec2' as const, ...ec2 }
        : { kind: 'file' as const, path: file?.path ?? '' }),
    ...rank,
  }));

const tree = z
  .strictObject({
    services: prefixes().prefault('/services'),
    routes: prefixes().prefault('/routes'),
    keys: prefixes().prefault([]),
  })
  .refine((all) => all.services.length > 0, {
    path: ['services'],
    message: 'is empty: name at least one prefix',
  })
  .refine((all) => !all.services.some((one) => all.routes.some((other) => overlap(one, other))), {
    path: ['routes'],
    message: 'lies inside services or around it: the two must be apart',
  });

const output = z.strictObject({
  path: path('the path of the configuration file').prefault('/etc/haproxy/haproxy.cfg'),
  mode: fileMode().prefault('0640'),
  owner: principal().prefault(null),
  group: principal().prefault(null),
  keep: whole(1, 1000).prefault(5),
});

/** The ways to run HAProxy. */
export const HAPROXY_MODES = ['managed', 'master-socket', 'signal', 'command', 'none'] as const;
/** One of `HAPROXY_MODES`. */
export type HaproxyMode = (typeof HAPROXY_MODES)[number];

const haproxy = z
  .strictObject({
    mode: word(HAPROXY_MODES).prefault('managed'),
    binary: program().prefault('haproxy'),
    masterSocket: pathOrNone('the path of a socket').prefault('/run/haproxy/master.sock'),
    statsSocket: pathOrNone('the path of a socket, or "" for none').prefault('/run/haproxy/stats.sock'),
    serverState: pathOrNone('the path of a file, or "" for none').exactOptional(),
    pidFile: path('the path of a file').prefault('/run/haproxy/haproxy.pid'),
    reloadCommand: command().exactOptional(),
    checkCommand: command().exactOptional(),
    checkTimeout: longDuration().prefault('30s'),
    maxOldWorkers: whole(1, 1000).prefault(8),
  })
  .refine((all) => all.mode !== 'command' || all.reloadCommand !== undefined, {
    path: ['reloadCommand'],
    message: 'is missing: mode command needs it, for example [systemctl, reload, haproxy]',
    when: ({ value }) => isMode(value, 'command'),
  })
  .refine((all) => all.checkCommand?.some((part) => part.includes('{config}')) ?? true, {
    path: ['checkCommand'],
    message: 'names no {config}: without it, it cannot judge the candidate',
  })
  .refine((all) => (all.mode !== 'managed' && all.mode !== 'master-socket') || all.masterSocket !== '', {
    path: ['masterSocket'],
    message: 'is empty: the modes managed and master-socket need it',
  })
  .transform((all) => ({ ...all, checkCommand: all.checkCommand ?? [all.binary, '-c', '-f', '{config}'] }));

const pace = z
  .strictObject({
    quiet: duration().prefault('200ms'),
    maxWait: duration().prefault('1s'),
    reloadInterval: duration().prefault('2s'),
    splay: leaf('number', 'a number from 0 to 1', z.number().min(0).max(1)).prefault(0),
  })
  .refine((all) => all.maxWait >= all.quiet, {
    path: ['maxWait'],
    message: 'is shorter than pace.quiet',
    when: unspoiled,
  });

/** What `pointsman announce` registers, and when. */
const announce = z
  .strictObject({
    service: matching(
      /^[A-Za-z0-9_.-]{1,64}$/,
      'the name of a service: 1 to 64 of the characters A-Z a-z 0-9 _ . -',
    ).exactOptional(),
    instance: matching(
      /^[A-Za-z0-9_.:-]{1,128}$/,
      'the id of an instance: 1 to 128 of the characters A-Z a-z 0-9 _ . : -',
    ).exactOptional(),
    port: whole(1, 65_535).exactOptional(),
    host: text('an IP address or a host name').exactOptional(),
    interface: text('the name of a network interface such as eth0').exactOptional(),
    weight: whole(0, 256).exactOptional(),
    tags: allMatching(
      /^[A-Za-z0-9_.:/=@+-]{1,128}$/,
      'a list of tags: each 1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -',
    ).prefault([]),
    meta: allMatching(
      /^(?!owner=)[A-Za-z0-9_.-]{1,64}=[^\x00-\x1f\x7f]{0,256}$/,
      'a list of name=value such as version=1.2; owner is set by Pointsman',
    ).prefault([]),
    owner: matching(
      /^[A-Za-z0-9_.:/@-]{1,256}$/,
      'whose keys they are: 1 to 256 of the characters A-Z a-z 0-9 _ . : / @ -',
    ).exactOptional(),
    ttl: longDuration().prefault('5m'),
    check: matching(
      /^(?:tcp|\/\S*|http:\/\/[^\s/@]+(?:\/\S*)?)$/,
      'tcp, a path such as /healthz, or http://host:port/path',
    ).exactOptional(),
    rise: whole(1, 100).prefault(2),
    fall: whole(1, 100).prefault(3),
    interval: longDuration().prefault('5s'),
    drain: duration().prefault('5s'),
    exec: command().exactOptional(),
    adopt: flag().prefault(false),
    listen: listenAddress().exactOptional(),
    once: flag().prefault(false),
    timeout: longDuration().prefault('30s'),
    container: text('the name of a container').exactOptional(),
    containerPort: whole(1, 65_535).exactOptional(),
    engine: matching(
      /^(?:(?:unix:\/\/)?\/\S+|(?:tcp|http):\/\/\S+)$/,
      'the address of an engine: unix:///path or tcp://host:port',
    ).exactOptional(),
    all: flag().prefault(false),
    registratorLabels: flag().prefault(false),
    leave: flag().prefault(false),
  })
  .refine((all) => all.ttl >= 2_000, {
    path: ['ttl'],
    message: 'is shorter than 2s, the least that etcd gives',
    when: unspoiled,
  });

/** What `pointsman sync` writes, and who of several does. */
const sync = z
  .strictObject({
    owner: matching(
      /^[A-Za-z0-9_.:/@-]{1,256}$/,
      'whose keys they are: 1 to 256 of the characters A-Z a-z 0-9 _ . : / @ -',
    ).prefault('pointsman-sync'),
    election: matching(/^(?:\/[^/\s\x00-\x1f\x7f]+)+$/, 'a key such as /pointsman/sync').prefault(
      '/pointsman/sync',
    ),
    takeover: longDuration().prefault('15s'),
    ttl: longDuration().prefault('24h'),
    listen: listenAddress().exactOptional(),
  })
  .refine((all) => all.takeover >= 2_000, {
    path: ['takeover'],
    message: 'is shorter than 2s, the least that etcd gives',
    when: unspoiled,
  })
  .refine((all) => all.ttl >= all.takeover, {
    path: ['ttl'],
    message: 'is shorter than sync.takeover: the keys would go before the next one has them',
    when: unspoiled,
  });

/** All of the settings: what `pointsman.yaml` may hold, with the defaults. */
export const settingsSchema = z.strictObject({
  sources: z.array(source).min(1),
  prefixes: tree.prefault({}),
  template: path('the path of a template').prefault(PACKAGED_TEMPLATE),
  output: output.prefault({}),
  stateDir: path('the path of a folder').prefault('/var/lib/pointsman'),
  haproxy: haproxy.prefault({}),
  apply: z
    .strictObject({
      mode: word(['auto', 'reload']).prefault('auto'),
      newServers: word(['up', 'checked']).prefault('up'),
      drain: duration().prefault('0s'),
      readBack: duration().prefault('1m'),
    })
    .prefault({}),
  pace: pace.prefault({}),
  guard: z
    .strictObject({
      share: leaf('number', 'a number over 0, at most 1', z.number().gt(0).max(1)).prefault(0.5),
      minimum: whole(1, 1_000_000).prefault(4),
      window: longDuration().prefault('30s'),
      hold: duration().prefault('6m'),
    })
    .prefault({}),
  kept: z.strictObject({ max: longDuration().prefault('24h') }).prefault({}),
  cache: z.strictObject({ wait: duration().prefault('3s'), maxAge: duration().prefault('24h') }).prefault({}),
  limits: z
    .strictObject({
      keys: whole(1, 1_000_000).prefault(100_000),
      valueBytes: whole(64, 16_777_216).prefault(262_144),
      totalBytes: whole(1024, 4_294_967_296).prefault(134_217_728),
      routes: whole(1, 10_000_000).prefault(20_000),
      hosts: whole(1, 10_000_000).prefault(50_000),
      services: whole(1, 1_000_000).prefault(10_000),
      instances: whole(1, 1_000_000).prefault(15_000),
      placesPerService: whole(1, 10_000_000).prefault(1_000),
      render: longDuration().prefault('1s'),
    })
    .prefault({}),
  ports: z.strictObject({ reserved: ports().prefault([22, 2379, 2380]) }).prefault({}),
  addresses: z
    .strictObject({
      deny: networks().prefault([]),
      allow: networks().prefault([]),
      names: flag().prefault(true),
    })
    .prefault({}),
  duplicateAddresses: word(['newest', 'allow']).prefault('newest'),
  announce: announce.prefault({}),
  sync: sync.prefault({}),
  node: z.strictObject({ env: names().prefault([]) }).prefault({}),
  vars: free().prefault({}),
  status: z
    .strictObject({
      listen: listenAddress().prefault('127.0.0.1:9290'),
      hosts: hostNames().prefault([]),
      socket: pathOrNone('the path of a socket').exactOptional(),
      tokenFile: path('the path of a file that holds a token').exactOptional(),
    })
    .prefault({}),
  metrics: z.strictObject({ services: whole(0, 100_000).prefault(200) }).prefault({}),
  log: z
    .strictObject({
      level: word(['debug', 'info', 'warn', 'error']).prefault('info'),
      format: word(['auto', 'json', 'pretty']).prefault('auto'),
    })
    .prefault({}),
});

/** Every key of the settings, in the order of the schema. */
export const SETTING_KEYS: readonly SettingKey[] = keysOf(settingsSchema);

function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

/** So that one mistake is told once: nothing of this section was wrong before. */
function unspoiled({ issues }: { readonly issues: readonly unknown[] }): boolean {
  return issues.length === 0;
}

function isMode(value: unknown, mode: HaproxyMode): boolean {
  return typeof value === 'object' && value !== null && 'mode' in value && value.mode === mode;
}
