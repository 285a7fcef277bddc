import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import type { SshOptions } from '../../../src/net/ssh/ssh-options.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { createRepository, subjectsOf } from '../../fixtures/net/git-backend.ts';
import { startTcp } from '../../fixtures/net/servers.ts';
import { makeKey, publicKey, type Sshd, startSshd } from '../../fixtures/net/sshd.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

afterAll(removeTestCa);

const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Scene {
  readonly directory: string;
  readonly sshd: Sshd;
  readonly at: TestNetwork;
  /** Runs `ssh` as a guest would, which has no key and trusts the files that we give a guest. */
  ssh(...args: string[]): Promise<Ended>;
  git(...args: string[]): Promise<Ended>;
  /** The same `ssh` as a line for a shell. */
  readonly sshCommand: string;
}

async function ended(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const { SSH_AUTH_SOCK: _agent, ...rest } = process.env;
  return run(program, args, { env: { ...rest, ...env } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      stdout: error.stdout,
      stderr: error.stderr,
    }),
  );
}

/**
 * git.test:22 is an sshd on loopback, whose key is known and lets the host in.
 * @param reach  Gives the port at which the network finds the port of the sshd.
 */
async function scene(
  change: (sshd: Sshd, directory: string) => Partial<SshOptions> = () => ({}),
  reach: (port: number) => number | Promise<number> = (port) => port,
): Promise<Scene> {
  const directory = temporaryDirectory();
  const sshd = await startSshd(directory);
  onTestFinished(() => sshd.close());
  const knownHostsFile = join(directory, 'known_hosts');
  writeFileSync(knownHostsFile, `git.test ${sshd.hostKey}\n`);
  const at = await createTestNetwork({
    policy: {
      extraHosts: [{ name: 'git.test', address: '127.0.0.1', port: await reach(sshd.port) }],
    },
    ssh: {
      allowedHosts: ['git.test'],
      credentials: { 'git.test': { username: sshd.user, privateKeyFile: sshd.keyFile } },
      knownHostsFile,
      ...change(sshd, directory),
    },
  });
  await at.network.prepare();
  const { files } = await at.network.guestTrust();
  const trusted = files.find(({ path }) => path === '/etc/ssh/ssh_known_hosts');
  const guestFile = join(directory, 'guest_known_hosts');
  writeFileSync(guestFile, trusted?.data ?? '');
  const port = await at.gate('git.test', 22);
  const options = [
    ...['HostName=127.0.0.1', `Port=${port}`, 'HostKeyAlias=git.test', 'BatchMode=yes'],
    ...[`GlobalKnownHostsFile=${guestFile}`, 'UserKnownHostsFile=/dev/null'],
    ...['StrictHostKeyChecking=yes', 'IdentityFile=none', 'IdentitiesOnly=yes', 'LogLevel=ERROR'],
  ].flatMap((option) => ['-o', option]);
  const sshArgs = ['-F', '/dev/null', ...options];
  return {
    directory,
    sshd,
    at,
    sshCommand: ['ssh', ...sshArgs].join(' '),
    ssh: (...args) => ended('ssh', [...sshArgs, ...args], {}),
    git: (...args) =>
      ended('git', args, {
        GIT_SSH_COMMAND: ['ssh', ...sshArgs].join(' '),
        GIT_CONFIG_GLOBAL: '/dev/null',
      }),
  };
}

it('a guest without a key clones and pushes with the key of the host', async () => {
  const { directory, git, at } = await scene();
  const repository = createRepository(directory);
  const clone = join(directory, 'clone');
  expect(await git('clone', '-q', `git@git.test:${repository}`, clone)).toMatchObject({ code: 0 });
  const identity = ['-c', 'user.name=g', '-c', 'user.email=g@example.com'];
  await run('git', ['-C', clone, ...identity, 'commit', '-q', '--allow-empty', '-m', 'second']);
  expect(await git('-C', clone, 'push', '-q', 'origin', 'main')).toMatchObject({ code: 0 });
  expect(subjectsOf(repository)).toEqual(['second', 'first']);
  const commands = at.events.filter((event) => event.kind === 'ssh_command');
  expect(commands.map(({ command }) => command)).toEqual([
    `git-upload-pack '${repository}'`,
    `git-receive-pack '${repository}'`,
  ]);
  const end = await at.event('connection_end', ({ transport }) => transport === 'ssh');
  expect(end).toMatchObject({ host: 'git.test', port: 22, error: null });
  expect(end.receivedBytes).toBeGreaterThan(1000);
  expect(at.faults).toEqual([]);
});

it('the command ends with the code of the server, and its output, input and errors pass', async () => {
  const { ssh } = await scene();
  expect(await ssh('any@git.test', 'echo out; echo err >&2; exit 7')).toEqual({
    code: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect(await ssh('any@git.test', 'kill -TERM $$')).toMatchObject({ code: 255 });
});

const CARRIED_MIB = IS_FULL_LOAD ? 8 : 2;

it(`${CARRIED_MIB} MiB pass in each direction unchanged`, async () => {
  const { sshCommand, directory } = await scene();
  const file = join(directory, 'random');
  writeFileSync(file, randomBytes(CARRIED_MIB * 2 ** 20));
  const there = join(directory, 'there');
  const back = join(directory, 'back');
  const line = `${sshCommand} any@git.test 'cat > ${there}' < ${file} && ${sshCommand} -n any@git.test 'cat ${there}' > ${back}`;
  await run('sh', ['-c', line]);
  expect(readFileSync(there).equals(readFileSync(file))).toBe(true);
  expect(readFileSync(back).equals(readFileSync(file))).toBe(true);
});

it('another repository is refused on stderr with the line to add, and the server is never asked', async () => {
  const { directory, git, at } = await scene((_sshd, place) => ({
    commands: { 'git.test': [`git-upload-pack ${place}/project.git`] },
  }));
  const repository = createRepository(directory);
  const allowed = await git('clone', '-q', `git@git.test:${repository}`, join(directory, 'a'));
  expect(allowed).toMatchObject({ code: 0 });
  const other = await git('clone', '-q', 'git@git.test:org/other.git', join(directory, 'b'));
  expect(other.code).toBe(128);
  expect(other.stderr).toContain('git-upload-pack \\"org/other.git\\"'.replaceAll('\\"', "'"));
  const push = await git('-C', join(directory, 'a'), 'push', '-q', 'origin', 'main:new');
  expect(push.code).not.toBe(0);
  const blocked = at.events.filter((event) => event.kind === 'blocked');
  expect(blocked).toMatchObject([
    {
      host: 'git.test',
      port: 22,
      transport: 'ssh',
      reason: 'ssh_command',
      suggest: {
        kind: 'ssh_command',
        host: 'git.test',
        command: "git-upload-pack 'org/other.git'",
      },
    },
    { reason: 'ssh_command', suggest: { command: `git-receive-pack '${repository}'` } },
  ]);
  expect(at.events.filter(({ kind }) => kind === 'ssh_command')).toHaveLength(1);
});

it('execPolicy decides about each command, with its own message and exit code', async () => {
  const asked: string[] = [];
  const { ssh, at } = await scene(() => ({
    execPolicy: async ({ hostname, port, guestUsername, command }) => {
      asked.push(`${guestUsername}@${hostname}:${port} ${command}`);
      return command === 'true'
        ? { allow: true }
        : { allow: false, exitCode: 9, message: 'only true\u001b[2J' };
    },
  }));
  expect(await ssh('git@git.test', 'true')).toMatchObject({ code: 0 });
  expect(await ssh('git@git.test', 'false')).toEqual({
    code: 9,
    stdout: '',
    stderr: 'gondolin: only true?[2J\n',
  });
  expect(asked).toEqual(['git@git.test:22 true', 'git@git.test:22 false']);
  expect(await at.event('blocked')).toMatchObject({
    decidedBy: [{ by: 'ssh', check: 'exec_policy' }],
  });
});

it.each([
  ['unknown', () => 'other.test ssh-ed25519 AAAA\n', 'add this line there'],
  [
    'changed',
    (directory: string) => `git.test ${publicKey(makeKey(directory, 'another'))}\n`,
    'replace its line',
  ],
  [
    'revoked',
    (_directory: string, sshd: Sshd) => `@revoked git.test ${sshd.hostKey}\n`,
    'is revoked',
  ],
])(
  'a server with a host key that is %s is refused, and no login is tried',
  async (problem, text, advice) => {
    const { ssh, at, sshd } = await scene((server, directory) => {
      writeFileSync(join(directory, 'known_hosts'), text(directory, server));
      return {};
    });
    const result = await ssh('git@git.test', 'true');
    expect(result).toMatchObject({ code: 255, stdout: '' });
    expect(result.stderr).toContain(advice);
    if (problem !== 'revoked') expect(result.stderr).toContain(`git.test ${sshd.hostKey}`);
    expect(await at.event('blocked')).toMatchObject({
      transport: 'ssh',
      reason: 'ssh_host_key',
      decidedBy: [{ by: 'host_key', problem }],
      suggest: null,
    });
    expect(at.events.filter(({ kind }) => kind === 'ssh_command')).toEqual([]);
  },
);

/** Passes what the server sends on in pieces, each of all that came within a while. */
function inLargePieces(port: number): Promise<number> {
  return startTcp((client) => {
    const server = connect(port, '127.0.0.1');
    client.on('error', () => undefined).pipe(server);
    server.on('error', () => undefined);
    let held: Buffer[] = [];
    server.on('data', (chunk: Buffer) => {
      if (held.length === 0) {
        setTimeout(() => {
          client.write(Buffer.concat(held));
          held = [];
        }, 100);
      }
      held.push(chunk);
    });
  });
}

it('a command has its exit code and output when all of that comes in one piece', async () => {
  const { ssh } = await scene(undefined, inLargePieces);
  const command = 'printf out; printf err >&2; exit 3';
  const done = { code: 3, stdout: 'out', stderr: 'err' };
  expect(await ssh('git@git.test', command)).toEqual(done);
});

it('hostVerifier decides in place of known_hosts', async () => {
  const seen: string[] = [];
  const { ssh } = await scene((sshd) => ({
    hostVerifier: (key, { hostname, port }) => {
      seen.push(`${hostname}:${port}`);
      return sshd.hostKey.endsWith(key.toString('base64')) && seen.length === 1;
    },
  }));
  expect(await ssh('git@git.test', 'true')).toMatchObject({ code: 0 });
  expect(await ssh('git@git.test', 'true')).toMatchObject({ code: 255 });
  expect(seen).toEqual(['git.test:22', 'git.test:22']);
});

it('shells, subsystems, terminals and forwarded ports are not carried', async () => {
  const { ssh, at } = await scene();
  const shell = await ssh('-n', 'git@git.test');
  expect(shell.code).toBe(1);
  expect(shell.stderr).toContain('only commands are carried to git.test, no shell');
  const sftp = await ssh('-n', '-s', 'git@git.test', 'sftp');
  expect(sftp.code).toBe(1);
  expect(sftp.stderr).toContain('no sftp');
  const forward = await ssh('-n', '-W', '127.0.0.1:1', 'git@git.test');
  expect(forward.code).toBe(255);
  expect(at.events.filter(({ kind }) => kind === 'blocked')).toHaveLength(2);
});

it('a credential that the server does not accept is said to be the reason', async () => {
  const { ssh } = await scene((sshd, directory) => ({
    credentials: {
      'git.test': { username: sshd.user, privateKeyFile: makeKey(directory, 'stranger') },
    },
  }));
  const result = await ssh('git@git.test', 'true');
  expect(result.code).toBe(255);
  expect(result.stderr).toContain('accepts no credential of the host');
});

it('the host’s ssh-agent logs in where no key is given', async () => {
  const socket = join(temporaryDirectory(), 'agent');
  const started = await run('ssh-agent', ['-s', '-a', socket]);
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1]);
  onTestFinished(() => void process.kill(pid));
  const { ssh, sshd } = await scene(({ user }) => ({
    credentials: { 'git.test': { username: user } },
    agent: socket,
  }));
  expect(await ssh('git@git.test', 'true')).toMatchObject({ code: 255 });
  await run('ssh-add', ['-q', sshd.keyFile], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  expect(await ssh('git@git.test', 'true')).toMatchObject({ code: 0 });
  // The agent stays on the host: the command on the server has none.
  expect(await ssh('-A', 'git@git.test', 'echo "[$SSH_AUTH_SOCK]"')).toMatchObject({
    stdout: '[]\n',
  });
});

it('the sessions of one connection share one login, ten at a time', async () => {
  const { ssh, directory, at } = await scene();
  const control = join(directory, 'c');
  expect(await ssh('-M', '-S', control, '-f', '-N', '-n', 'git@git.test')).toMatchObject({
    code: 0,
  });
  // A session with this master, or none: never a connection of its own.
  const shared = (command: string) =>
    ssh('-S', control, '-o', 'ProxyCommand=false', '-n', 'git@git.test', command);
  const all = await Promise.all(Array.from({ length: 10 }, (_, index) => shared(`echo ${index}`)));
  expect(all.map(({ stdout }) => stdout.trim()).toSorted()).toEqual([...'0123456789']);
  await ssh('-S', control, '-O', 'exit', 'git@git.test');
  const end = await at.event('connection_end', ({ transport }) => transport === 'ssh');
  expect(end.error).toBe(null);
  expect(at.events.filter(({ kind }) => kind === 'connection')).toHaveLength(1);
});

it('an address that the policy refuses is not dialled', async () => {
  const at = await createTestNetwork({
    policy: { allowedPrivate: [] },
    ssh: { allowedHosts: ['git.test'] },
  });
  await at.network.prepare();
  const port = await at.gate('git.test', 22);
  await ended(
    'ssh',
    ['-F', '/dev/null', '-o', 'BatchMode=yes', '-p', String(port), '127.0.0.1'],
    {},
  );
  expect(await at.event('blocked')).toMatchObject({ transport: 'ssh', reason: 'private_address' });
});

it('a guest’s files have no key of the host, and options print none', async () => {
  const { at, sshd } = await scene();
  const secret = readFileSync(sshd.keyFile, 'utf8').split('\n')[2] ?? '';
  const { files } = await at.network.guestTrust();
  expect(secret.length).toBeGreaterThan(40);
  expect(files.some(({ data }) => data.includes(secret) || data.includes('OPENSSH PRIVATE'))).toBe(
    false,
  );
});

it.each([
  [{ allowedHosts: ['https://git.test'] }, 'NET_PATTERN_INVALID'],
  [
    { allowedHosts: [], credentials: { 'git.test': { privateKeyFile: '/nothing' } } },
    'NET_SSH_INVALID',
  ],
  [{ allowedHosts: [], credentials: { 'git.test': { privateKey: 'hunter2' } } }, 'NET_SSH_INVALID'],
  [{ allowedHosts: [], commands: { 'git.test': ['git-upload-pack $(id)'] } }, 'NET_SSH_INVALID'],
  [{ allowedHosts: [], knownHostsFile: '/nothing' }, 'NET_SSH_INVALID'],
  [{ allowedHosts: [], upstreamReadyTimeoutMs: 0 }, 'NET_SSH_INVALID'],
])('options %j are refused with %s, without what may be a secret', async (ssh, code) => {
  const refusal = async () => {
    const at = await createTestNetwork({ ssh });
    await at.network.prepare();
  };
  const error = await refusal().catch((reason: Error) => reason);
  expect(error).toMatchObject({ code });
  expect(String((error as Error).message)).not.toContain('hunter2');
});
