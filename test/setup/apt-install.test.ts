import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support/haproxy.ts';
import { type ScratchProject, scratchProject } from './scratch-project.ts';

const MISSING = ['HAProxy', 'sh=dash', 'no-such-program=haproxy', 'no-such-either=etcd-server'];

/** A project on a machine where we are root, and where apt says what it was asked to do. */
async function project(policy: string): Promise<ScratchProject> {
  const made = await scratchProject({ POLICY_RC_D: policy });
  await made.fake('id', 'echo 0');
  await made.fake('systemctl', 'log "systemctl $*"');
  await made.fake('dpkg', 'echo /lib/systemd/system/haproxy.service; echo /usr/sbin/haproxy');
  await made.fake(
    'apt-get',
    `for word; do last=$word; done; log "apt $DEBIAN_FRONTEND \${*##*confold }: policy $(sh '${policy}'; echo $?)"`,
  );
  await made.fake('sleep', 'log "sleep $*"');
  return made;
}

test('what is missing is installed in one go, and no service of it starts, now or at the next boot', async () => {
  await using folder = await tempFolder();
  const policy = path.join(folder.path, 'policy-rc.d');
  await using it = await project(policy);
  const { code, said } = await it.run('apt-install.sh', ...MISSING);
  expect({ code, said }).toEqual({
    code: 0,
    said: 'setup: installing haproxy etcd-server through apt (HAProxy)',
  });
  const calls = await it.calls();
  expect(calls).toHaveLength(3);
  expect(calls[0]).toMatch(/^apt noninteractive .*update: policy 101$/);
  expect(calls[1]).toMatch(
    /^apt noninteractive .*install -y --no-install-recommends haproxy etcd-server: policy 101$/,
  );
  expect(calls[2]).toMatch(/^systemctl disable .*haproxy\.service/);
  await expect(access(policy), 'nothing is left behind').rejects.toThrow();
});

test('a policy that the machine has of its own is left alone', async () => {
  await using folder = await tempFolder();
  const policy = path.join(folder.path, 'policy-rc.d');
  await writeFile(policy, 'exit 7\n');
  await using it = await project(policy);
  expect((await it.run('apt-install.sh', ...MISSING)).code).toBe(0);
  expect((await it.calls())[1]).toContain('policy 7');
  expect(await readFile(policy, 'utf8')).toBe('exit 7\n');
});

test('apt is not asked at all where nothing is missing', async () => {
  await using it = await project('/dev/null');
  expect(await it.run('apt-install.sh', 'the shell', 'sh=dash')).toMatchObject({ code: 0, said: '' });
  expect(await it.calls()).toEqual([]);
});

test("somebody else's apt is waited for", async () => {
  await using folder = await tempFolder();
  await using it = await project(path.join(folder.path, 'policy-rc.d'));
  await it.fake(
    'apt-get',
    `log apt; [ -e '${folder.path}/free' ] && exit; touch '${folder.path}/free'; echo 'E: Could not get lock' >&2; exit 100`,
  );
  expect((await it.run('apt-install.sh', ...MISSING)).code).toBe(0);
  expect((await it.calls()).slice(0, 4)).toEqual(['apt', 'sleep 5', 'apt', 'apt']);
});

test('an apt that fails is shown in its own words, with what to do', async () => {
  await using folder = await tempFolder();
  const policy = path.join(folder.path, 'policy-rc.d');
  await using it = await project(policy);
  await it.fake('apt-get', "echo 'E: no such mirror' >&2; exit 100");
  const { code, said } = await it.run('apt-install.sh', ...MISSING);
  expect(code).toBe(1);
  expect(said).toContain('E: no such mirror');
  expect(said).toContain('apt-get install --no-install-recommends haproxy etcd-server');
  await expect(access(policy)).rejects.toThrow();
});

test('who is not root is told the command in one line', async () => {
  await using it = await project('/dev/null');
  await it.fake('id', 'echo 1000');
  expect(await it.run('apt-install.sh', ...MISSING)).toMatchObject({
    code: 1,
    said: 'setup: HAProxy: missing, and only root can install: sudo apt-get install --no-install-recommends haproxy etcd-server',
  });
});

test('who is not on Debian is told the packages in one line', async () => {
  await using folder = await tempFolder();
  await using it = await scratchProject({ PATH: folder.path });
  expect((await it.run('apt-install.sh', ...MISSING)).said).toBe(
    'setup: HAProxy: missing, and this is no Debian: install by hand: dash haproxy etcd-server',
  );
});
