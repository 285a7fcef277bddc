import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net, { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { openSsh } from '../../../src/ssh/open-ssh.ts';
import type { SshAccess } from '../../../src/ssh/ssh-options.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { type HostAsGuest, hostAsGuest } from '../../fixtures/host-as-guest.ts';
import { createRepository, subjectsOf } from '../../fixtures/net/git-backend.ts';
import { listening } from '../../fixtures/net/servers.ts';
import { makeKey } from '../../fixtures/net/sshd.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(program: string, args: readonly string[], env = {}): Promise<Ended> {
  return run(program, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

interface Scene {
  readonly access: SshAccess;
  readonly guest: HostAsGuest;
  /** The guest's home, and a directory of the client. */
  readonly there: string;
  readonly here: string;
  /** `-o Name=value …`, with the port. */
  readonly options: readonly string[];
  ssh(...args: readonly string[]): Promise<Ended>;
}

async function scene(): Promise<Scene> {
  const base = temporaryDirectory();
  const [there, here, keys] = ['there', 'here', 'key directory %h'].map((name) => join(base, name));
  for (const directory of [there, here, keys]) mkdirSync(directory ?? '', { mode: 0o700 });
  const guest = hostAsGuest(there ?? '');
  const at = { user: 'root', host: '127.0.0.1', port: 0 };
  const access = await openSsh(guest, keys ?? '', at);
  onTestFinished(() => access.close());
  const options = [...access.options, `Port=${access.port}`].flatMap((one) => ['-o', one]);
  return {
    ...{ access, guest, options },
    there: there ?? '',
    here: here ?? '',
    ssh: (...args) => ended('ssh', ['-F', '/dev/null', ...options, ...args]),
  };
}

it('a command runs with its input, outputs, exit code and variables', async () => {
  const { ssh, access, there } = await scene();
  const login = `root@${access.host}`;
  expect(await ssh('-n', login, 'echo out; echo err >&2; exit 3')).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  const env = await ssh(
    '-n',
    '-o',
    'SetEnv=LC_TEST="a b"',
    login,
    'echo $LC_TEST; pwd; echo $SSH_CONNECTION',
  );
  const [value, directory, connection] = env.stdout.split('\n');
  expect([value, directory]).toEqual(['a b', there]);
  expect(connection).toMatch(new RegExp(`^127.0.0.1 \\d+ 127.0.0.1 ${access.port}$`));
  const piped = await run('sh', ['-c', `printf 'a\\nb\\n' | ${access.command} wc -l`]);
  expect(piped.stdout.trim()).toBe('2');
});

it('a death by a signal and a program that does not exist are told apart', async () => {
  const { ssh } = await scene();
  expect(
    await ssh('-n', '-v', '-o', 'LogLevel=VERBOSE', 'root@127.0.0.1', 'kill -KILL $$'),
  ).toMatchObject({ code: 255 });
  expect(await ssh('-n', 'root@127.0.0.1', 'no-such-program')).toMatchObject({ code: 127 });
});

it('a command that closes its output before its input still gets all of it', async () => {
  const { ssh, there, access, options, here } = await scene();
  void ssh;
  const file = join(here, 'f');
  writeFileSync(file, randomBytes(3_000_000));
  const words = ['ssh', '-F', '/dev/null', ...options, `root@${access.host}`];
  const line = `${words.map((word) => `'${word}'`).join(' ')} 'exec >&- 2>&-; cat > got' < ${file}`;
  await run('sh', ['-c', line]);
  expect(readFileSync(join(there, 'got')).equals(readFileSync(file))).toBe(true);
});

const CARRIED_MIB = IS_FULL_LOAD ? 32 : 8;

it(`${CARRIED_MIB} MiB pass in both directions at once`, async () => {
  const { access, here } = await scene();
  const file = join(here, 'f');
  writeFileSync(file, randomBytes(CARRIED_MIB * 2 ** 20));
  await run('sh', ['-c', `${access.command} cat < ${file} | cmp - ${file}`]);
});

it('a shell has a terminal, its TERM and size, and later sizes are passed on', async () => {
  const { ssh, guest } = await scene();
  const result = await ended('script', [
    '-qec',
    `stty rows 33 cols 91; TERM=vt220 ${(await scene()).access.command} -tt 'tty; echo $TERM'`,
    '/dev/null',
  ]);
  expect(result.stdout).toMatch(/\/dev\/pts\/\d+\r\n+vt220/);
  expect(await ssh('-n', '-T', 'root@127.0.0.1', 'tty')).toMatchObject({ stdout: 'not a tty\n' });
  expect(guest.sizes).toEqual([]);
});

it('a client that leaves hangs its command up, and nothing of it is left', async () => {
  const { guest, options, there } = await scene();
  const args = [
    '-F',
    '/dev/null',
    ...options,
    'root@127.0.0.1',
    'trap "echo hup > hup; exit" HUP; echo up; while :; do read -t 1 line || :; done',
  ];
  const client = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(client.stdout, 'data');
  client.kill('SIGKILL');
  await once(client, 'exit');
  await guest.lastEnded();
  expect(existsSync(join(there, 'hup'))).toBe(true);
  expect(guest.signals).toEqual(['SIGHUP']);
});

it('only the key of the access is let in, as the user of the access', async () => {
  const { access, options, here } = await scene();
  const stranger = makeKey(here, 'stranger');
  const other = ['-o', `IdentityFile=${stranger}`];
  const attempt = (args: readonly string[], user = 'root') =>
    ended('ssh', [
      '-F',
      '/dev/null',
      ...args,
      '-o',
      'BatchMode=yes',
      '-n',
      `${user}@127.0.0.1`,
      'true',
    ]);
  expect(
    await attempt([...other, ...options.filter((one) => !one.startsWith('IdentityFile'))]),
  ).toMatchObject({ code: 255 });
  expect(await attempt(options, 'other')).toMatchObject({ code: 255 });
  expect(await attempt(options)).toMatchObject({ code: 0 });
  expect(statSync(access.identityFile).mode & 0o777).toBe(0o600);
});

it('scp copies trees both ways, by SFTP and by its old protocol', async () => {
  const { options, there, here } = await scene();
  const tree = join(here, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'big'), randomBytes(20_000_000));
  writeFileSync(join(tree, 'sub', 'a b ü'), 'x', { mode: 0o755 });
  for (const protocol of [[], ['-O']]) {
    const name = `copy${protocol.length}`;
    const scp = (from: string, to: string) =>
      ended('scp', ['-F', '/dev/null', ...options, '-q', '-p', '-r', ...protocol, from, to]);
    expect(await scp(tree, `root@127.0.0.1:${name}`)).toMatchObject({ code: 0 });
    await run('diff', ['-r', tree, join(there, name)]);
    expect(statSync(join(there, name, 'sub', 'a b ü')).mode & 0o777).toBe(0o755);
    expect(await scp(`root@127.0.0.1:${name}`, join(here, name))).toMatchObject({ code: 0 });
    await run('diff', ['-r', tree, join(here, name)]);
  }
});

it('sftp puts, gets, lists and changes files', async () => {
  const { options, there, here, guest } = await scene();
  writeFileSync(join(here, 'f'), randomBytes(5_000_000));
  const batch = join(here, 'batch');
  const commands = [
    ...[`put ${join(here, 'f')} f`, `get f ${join(here, 'back')}`, 'mkdir d', 'rename f d/g'],
    ...['chmod 600 d/g', 'symlink g d/link', 'ln d/g d/hard', 'ls -l d', 'pwd', '-rm nothing'],
    ...['-rmdir d', '-rename d/g d/hard', 'rm d/hard'],
  ];
  writeFileSync(batch, commands.join('\n'));
  const result = await ended('sftp', [
    '-F',
    '/dev/null',
    ...options,
    '-b',
    batch,
    'root@127.0.0.1',
  ]);
  expect(result).toMatchObject({ code: 0 });
  const shown = result.stdout;
  expect(shown).toContain(`Remote working directory: ${there}`);
  expect(shown).toMatch(/^-rw------- +2 \d+ +\d+ +5000000 \w{3} +\d+ \d\d:\d\d g$/m);
  expect(shown).toMatch(/^lrwxrwxrwx .* link$/m);
  expect(result.stderr).toContain('No such file');
  expect(readFileSync(join(here, 'back')).equals(readFileSync(join(here, 'f')))).toBe(true);
  expect(readFileSync(join(there, 'd', 'g')).equals(readFileSync(join(here, 'f')))).toBe(true);
  expect(guest.openFiles.size).toBe(0);
});

it('rsync and git work over it', async () => {
  const { access, there, here } = await scene();
  const shell = access.command.slice(0, access.command.lastIndexOf(' '));
  mkdirSync(join(here, 'tree'));
  writeFileSync(join(here, 'tree', 'f'), randomBytes(1_000_000));
  await run('rsync', ['-a', '-e', shell, join(here, 'tree'), 'root@127.0.0.1:']);
  await run('diff', ['-r', join(here, 'tree'), join(there, 'tree')]);
  const repository = createRepository(there);
  const git = await ended(
    'git',
    ['clone', '-q', `ssh://root@127.0.0.1:${access.port}${repository}`, join(here, 'clone')],
    { GIT_SSH_COMMAND: shell },
  );
  expect(git).toMatchObject({ code: 0 });
  expect(subjectsOf(repository)).toEqual(['first']);
});

it('ports are forwarded to servers of the guest, and to no other machine', async () => {
  const { options } = await scene();
  const echo = await listening(
    net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)),
  );
  const forward = async (target: string, input: Buffer) => {
    const child = spawn('ssh', ['-F', '/dev/null', ...options, '-W', target, 'root@127.0.0.1'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.on('error', () => undefined).end(input);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code] = await once(child, 'close');
    return { code, bytes: Buffer.concat(chunks) };
  };
  const data = randomBytes(4_000_000);
  for (const host of ['localhost', '127.0.0.1']) {
    const { code, bytes } = await forward(`${host}:${echo}`, data);
    expect({ code, isSame: bytes.equals(data) }).toEqual({ code: 0, isSame: true });
  }
  expect((await forward('example.com:80', data)).code).toBe(255);
  expect((await forward('127.0.0.1:1', data)).code).toBe(255);
});

it('close() ends connections, frees the port and removes the key; a taken port is an error', async () => {
  const { access, options, guest } = await scene();
  const client = spawn('ssh', ['-F', '/dev/null', ...options, 'root@127.0.0.1', 'echo up; cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(client.stdout, 'data');
  const directory = temporaryDirectory();
  const again = openSsh(guest, directory, { user: 'root', host: '127.0.0.1', port: access.port });
  await expect(again).rejects.toMatchObject({ code: 'SSH_LISTEN_FAILED' });
  expect(existsSync(directory)).toBe(false);
  mkdirSync(directory);
  const exited = once(client, 'exit');
  await Promise.all([access.close(), access.close()]);
  expect((await exited)[0]).toBe(255);
  expect(existsSync(access.identityFile)).toBe(false);
  const refused = connect(access.port, '127.0.0.1');
  await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

it('bytes that are no SSH end one connection and no other', async () => {
  const { access, ssh } = await scene();
  for (const bytes of [
    randomBytes(2000),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from(`SSH-2.0-x\r\n${'a'.repeat(9000)}`),
  ]) {
    const socket = connect(access.port, '127.0.0.1').on('error', () => undefined);
    socket.resume().end(bytes);
    await once(socket, 'close');
  }
  expect(await ssh('-n', 'root@127.0.0.1', 'true')).toMatchObject({ code: 0 });
});

/** An SFTP packet of a type, with the id 7 unless it is INIT. */
function packet(type: number, ...parts: readonly (string | Buffer)[]): Buffer {
  const fields = parts.map((part) => {
    if (typeof part !== 'string') return part;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(part));
    return Buffer.concat([length, Buffer.from(part)]);
  });
  const id = type === 1 ? [] : [Buffer.from([0, 0, 0, 7])];
  const body = Buffer.concat([Buffer.of(type), ...id, ...fields]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

const INIT = packet(1, Buffer.from([0, 0, 0, 3]));

/** Types of the replies, and the status codes of those that are one. */
function replies(bytes: Buffer): number[][] {
  const found: number[][] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    const type = bytes[at + 4] ?? 0;
    found.push(type === 101 ? [type, bytes.readUInt32BE(at + 9)] : [type]);
  }
  return found;
}

it.each([
  ['a request before INIT', [packet(17, '.')], 1, []],
  ['a second INIT', [INIT, INIT], 1, [[2]]],
  ['a packet that is too long', [Buffer.from([0x7f, 0, 0, 0, 1])], 1, []],
  ['an empty packet', [INIT, Buffer.alloc(4)], 1, [[2]]],
  ['an unknown request', [INIT, packet(99)], 0, [[2], [101, 8]]],
  ['a request that is cut', [INIT, packet(3, 'f')], 0, [[2], [101, 5]]],
  ['a handle that does not exist', [INIT, packet(4, 'abcd')], 0, [[2], [101, 5]]],
  ['a path with NUL', [INIT, packet(17, 'a\0b')], 0, [[2], [101, 5]]],
  ['a missing file', [INIT, packet(17, 'none')], 0, [[2], [101, 2]]],
  [
    'a string beyond its packet',
    [INIT, packet(17, Buffer.from([0xff, 0xff, 0xff, 0xff]))],
    0,
    [[2], [101, 5]],
  ],
])('SFTP: %s is answered or ends that client alone', async (_what, packets, code, want) => {
  const { options, ssh } = await scene();
  const args = ['-F', '/dev/null', ...options, '-s', 'root@127.0.0.1', 'sftp'];
  const client = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  client.stdin.on('error', () => undefined).end(Buffer.concat(packets));
  const chunks: Buffer[] = [];
  client.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [exit] = await once(client, 'close');
  expect({ exit, replies: replies(Buffer.concat(chunks)) }).toEqual({ exit: code, replies: want });
  expect(await ssh('-n', 'root@127.0.0.1', 'true')).toMatchObject({ code: 0 });
});
