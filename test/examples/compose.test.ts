import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadSettings } from '../../src/settings/load-settings.ts';

const FOLDER = fileURLToPath(new URL('../../examples/docker-compose/', import.meta.url));

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/);
const words = z.array(z.string()).min(1);
const seconds = z.string().regex(/^\d+s$/);

/** The part of the Compose specification that the example may use; an unknown key is an error. */
const service = z.strictObject({
  image: z.string().regex(/^[a-z0-9./-]+:[\w.-]+$/),
  build: z.string().exactOptional(),
  command: words.exactOptional(),
  entrypoint: words.exactOptional(),
  ports: z.array(z.string().regex(/^\d+:\d+$/)).exactOptional(),
  volumes: z.array(z.string().regex(/^(\.\/)?[\w.-]+:\/[\w./-]+(:ro)?$/)).exactOptional(),
  networks: z.record(name, z.strictObject({ ipv4_address: z.ipv4().exactOptional() })).exactOptional(),
  depends_on: z
    .record(name, z.strictObject({ condition: z.enum(['service_started', 'service_healthy']) }))
    .exactOptional(),
  healthcheck: z
    .union([
      z.strictObject({ disable: z.literal(true) }),
      z.strictObject({ test: words, interval: seconds, timeout: seconds, retries: z.int().positive() }),
    ])
    .exactOptional(),
  read_only: z.boolean().exactOptional(),
  cap_drop: words.exactOptional(),
  security_opt: words.exactOptional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).exactOptional(),
  ulimits: z.record(name, z.int().positive()).exactOptional(),
});

const compose = z
  .object({
    services: z.record(name, service),
    networks: z.record(
      name,
      z.strictObject({ ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.cidrv4() })) }) }),
    ),
    volumes: z.record(name, z.strictObject({})),
  })
  .catchall(z.never());

async function readCompose(): Promise<z.infer<typeof compose>> {
  const read = parse(await readFile(`${FOLDER}compose.yaml`, 'utf8'), { merge: true, uniqueKeys: true });
  // Extension fields are for anchors alone.
  return compose.parse(Object.fromEntries(Object.entries(read).filter(([key]) => !key.startsWith('x-'))));
}

test('the project has a name where every version of Compose looks for it', async () => {
  expect(await readFile(`${FOLDER}.env`, 'utf8')).toMatch(/^COMPOSE_PROJECT_NAME=[a-z][a-z-]+$/m);
});

test('the compose file is one that Compose accepts, and names nothing that it does not define', async () => {
  const file = await readCompose();
  for (const [title, one] of Object.entries(file.services)) {
    for (const network of Object.keys(one.networks ?? {})) {
      expect(file.networks, title).toHaveProperty(network);
    }
    for (const [other, { condition }] of Object.entries(one.depends_on ?? {})) {
      expect(file.services, title).toHaveProperty(other);
      if (condition === 'service_healthy') {
        expect(file.services[other]?.healthcheck).toHaveProperty('test');
      }
    }
    for (const volume of one.volumes ?? []) {
      const source = volume.split(':')[0] ?? '';
      if (source.startsWith('./')) {
        await access(`${FOLDER}${source}`);
      } else {
        expect(file.volumes, title).toHaveProperty([source]);
      }
    }
    if (one.build !== undefined) {
      await access(`${FOLDER}${one.build}/Dockerfile`);
    }
  }
});

test('the two containers of compose run one image and share folders, not files', async () => {
  const { haproxy, pointsman } = (await readCompose()).services;
  expect(haproxy?.image).toBe(pointsman?.image);
  expect(haproxy?.command).toEqual(['haproxy-container']);
  expect(haproxy?.volumes).toEqual(['etc-haproxy:/etc/haproxy:ro', 'run-haproxy:/run/haproxy']);
  expect(pointsman?.volumes).toContain('etc-haproxy:/etc/haproxy');
  expect(pointsman?.volumes).toContain('run-haproxy:/run/haproxy');
});

test('HAProxy of the official image shares user and folders with Pointsman, and can be reloaded by its socket', async () => {
  const text = await readFile(`${FOLDER}official-haproxy.yaml`, 'utf8');
  const reset = { tag: '!reset', resolve: () => null };
  const { services } = z
    .strictObject({
      services: z.strictObject({
        haproxy: service.pick({ image: true, command: true, depends_on: true }).extend({
          build: z.null(),
          user: z.string(),
        }),
      }),
    })
    .parse(parse(text, { customTags: [reset] }));
  const { haproxy } = services;
  const dockerfile = await readFile(`${FOLDER}../../Dockerfile`, 'utf8');
  expect(dockerfile).toContain(`USER ${haproxy.user}\n`);
  expect(haproxy.image).toBe('haproxy:3.4');
  expect(haproxy.depends_on).toHaveProperty('pointsman');
  const settings = await loadSettings({ configPath: `${FOLDER}pointsman.yaml`, env: {}, cwd: FOLDER });
  expect(haproxy.command?.at(-1)).toContain(
    `exec haproxy -W -db -S ${settings.haproxy.masterSocket},mode,660 -f ${settings.output.path}\n`,
  );
});

test('what the partners of compose announce is a service that compose runs, at its address', async () => {
  const { services } = await readCompose();
  const partners = Object.entries(services).filter(([, { command }]) => command?.includes('announce'));
  expect(partners.map(([title]) => title)).toEqual(['announce-web', 'announce-api']);
  for (const [title, { command = [], networks }] of partners) {
    const flag = (name: string) =>
      command.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    const announced = services[flag('service') ?? ''];
    expect(announced?.networks?.fleet?.ipv4_address, title).toBe(flag('host'));
    expect(announced?.command?.at(-1), title).toContain(`listen(${flag('port')})`);
    expect(networks, title).toHaveProperty('fleet');
    expect(flag('etcd')).toBe('http://etcd:2379');
  }
});

test('the settings of the compose example are valid and name its etcd', async () => {
  const settings = await loadSettings({ configPath: `${FOLDER}pointsman.yaml`, env: {}, cwd: FOLDER });
  expect(settings.haproxy.mode).toBe('master-socket');
  expect(settings.sources).toMatchObject([{ kind: 'etcd', endpoints: ['http://etcd:2379'] }]);
  expect((await readCompose()).services).toHaveProperty('etcd');
});
