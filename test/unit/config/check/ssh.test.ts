import { expect, it } from 'vitest';
import { sandboxNetwork } from '../../../../src/project/sandbox-network.ts';
import { errorOf, readText } from '../../../fixtures/project-text.ts';

const FILES = { '/p/key': 'x', '/p/known': 'x' };

it.each([
  ['{ hosts: [a.test] }', 'bad_value', 'neither key nor agent'],
  ['{ hosts: [a.test], key: ./gone }', 'path_missing', '/p/gone'],
  ['{ hosts: [a.test], agent: true, known_hosts: [./gone] }', 'path_missing', '/p/gone'],
  ['{ hosts: ["a.test:22/tcp"], agent: true }', 'host_pattern', '/tcp'],
  ['{ hosts: [a.test], agent: true, user: "a b" }', 'bad_value', 'user'],
  ['{ hosts: [a.test], agent: true, commands: ["a; b"] }', 'bad_value', 'commands'],
  ['{ hosts: [a.test], agent: true, commands: ["git-upload-pack $X"] }', 'bad_value', 'commands'],
])('network.ssh: %s is %s', (entry, code, text) => {
  const [issue] = errorOf(`network: { ssh: [${entry}] }\n`, { files: FILES });
  expect(issue).toMatchObject({ code, message: expect.stringContaining(text) });
});

it.each(['{ agent: true }', '{ hosts: [], agent: true }', '{ hosts: [a.test], keys: ./key }'])(
  'network.ssh: %s has the wrong form',
  (entry) => {
    expect(errorOf(`network: { ssh: [${entry}] }\n`, { files: FILES }).length).toBeGreaterThan(0);
  },
);

const TWO = `network:
  ssh:
    - { hosts: [a.test], key: ./key, known_hosts: [./known], commands: [id] }
    - { hosts: [b.test, a.test], agent: true, user: git }
`;

function optionsOf(text: string, env: Record<string, string>) {
  const [sandbox] = readText(text, { files: FILES }).sandboxes;
  if (sandbox === undefined) throw new Error('no sandbox');
  return sandboxNetwork(sandbox, env, new AbortController().signal);
}

it('the first entry that names a host counts, with its key and commands', async () => {
  const { ssh } = await optionsOf(TWO, { SSH_AUTH_SOCK: '/agent' });
  expect(ssh).toEqual({
    allowedHosts: ['a.test', 'b.test'],
    credentials: { 'a.test': { privateKeyFile: '/p/key' }, 'b.test': { username: 'git' } },
    commands: {
      'a.test': ['id'],
      'b.test': ['git-upload-pack *', 'git-receive-pack *', 'git-upload-archive *'],
    },
    agent: '/agent',
    knownHostsFile: ['/p/known'],
  });
});

it('agent: true without an ssh-agent is refused before the VM starts', async () => {
  await expect(optionsOf(TWO, {})).rejects.toMatchObject({ code: 'NET_SSH_INVALID' });
});

it('a sandbox without network.ssh has no option for it', async () => {
  expect(await optionsOf('image: debian\n', {})).not.toHaveProperty('ssh');
});
