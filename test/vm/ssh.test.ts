import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { type NetworkEvent, type SshAccess, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { BUILT_BIN } from '../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { createRepository } from '../fixtures/net/git-backend.ts';
import { type Sshd, startSshd } from '../fixtures/net/sshd.ts';
import { WORKLOAD_MACHINE } from '../fixtures/workload-image.ts';

const run = promisify(execFile);
/** Bytes of one file by SFTP. */
const FILE_BYTES = IS_FULL_LOAD ? 2 ** 30 : 8 * 2 ** 20;

let vm: VM;
let access: SshAccess;
let directory: string;
let sshd: Sshd;
let options: string[];
const events: NetworkEvent[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gondolin-ssh-'));
  sshd = await startSshd(directory);
  createRepository(directory);
  const knownHostsFile = join(directory, 'known_hosts');
  writeFileSync(knownHostsFile, `git.test ${sshd.hostKey}\n`);
  const extraHosts = ['git.test', 'unknown.test'].map((name) => {
    return { name, address: '127.0.0.1', port: sshd.port };
  });
  vm = await VM.create({
    ...WORKLOAD_MACHINE,
    ...(IS_FULL_LOAD ? { memory: '3GiB' } : {}),
    sessionLabel: 'ssh-test',
    network: { policy: { extraHosts } },
    ssh: {
      allowedHosts: ['git.test', 'unknown.test'],
      credentials: { 'git.test': { username: sshd.user, privateKeyFile: sshd.keyFile } },
      knownHostsFile,
      commands: { '*.test': [`git-upload-pack ${directory}/project.git`, 'id -u'] },
    },
    onNetworkEvent: (event) => events.push(event),
  });
  access = await vm.ssh();
  options = [...access.options, `Port=${access.port}`].flatMap((one) => ['-o', one]);
});

afterAll(async () => {
  await vm?.close();
  sshd?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function login(): string {
  return `${access.user}@${access.host}`;
}

async function ssh(...args: string[]) {
  return run('ssh', ['-F', 'none', ...options, '-n', login(), ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

it('ssh runs commands in a guest without sshd, with their exit codes and signals', async () => {
  expect(await ssh('echo out; echo err >&2; id -un; exit 7')).toEqual({
    code: 7,
    stdout: 'out\nroot\n',
    stderr: 'err\n',
  });
  expect(await ssh('kill -TERM $$')).toMatchObject({ code: 255 });
  const { stdout } = await run('sh', ['-c', `printf 'a b' | ${access.command} 'tr a-z A-Z'`]);
  expect(stdout).toBe('A B');
  expect((await vm.exec('command -v sshd')).exitCode).not.toBe(0);
});

it('a shell has a terminal of the size of the client’s', async () => {
  const line = `stty rows 31 cols 97; exec ${access.command} -tt 'stty size; tty; echo $TERM'`;
  const env = { ...process.env, TERM: 'vt220' };
  const { stdout } = await run('script', ['-qec', line, '/dev/null'], { env });
  expect(stdout).toBe('31 97\r\n/dev/pts/0\r\nvt220\r\n');
});

it('sftp and scp carry files both ways, equal by checksum', { timeout: 900_000 }, async () => {
  const file = join(directory, 'file');
  writeFileSync(file, randomBytes(FILE_BYTES));
  const batch = join(directory, 'batch');
  writeFileSync(batch, `put ${file} /tmp/up\nget /tmp/up ${file}.back\nls -l /tmp\n`);
  const { stdout } = await run('sftp', ['-F', 'none', ...options, '-b', batch, login()]);
  expect(stdout).toMatch(new RegExp(`^-rw-r--r-- +1 0 +0 +${FILE_BYTES} .* up$`, 'm'));
  expect((await ssh('sha256sum < /tmp/up')).stdout).toBe(`${sha256(file)}  -\n`);
  expect(sha256(`${file}.back`)).toBe(sha256(file));
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'sub', 'ü b'), 'text', { mode: 0o750 });
  for (const [index, old] of [[], ['-O']].entries()) {
    const scp = ['-F', 'none', ...options, '-q', '-p', '-r', ...old];
    await run('scp', [...scp, tree, `${login()}:/tmp/t${index}`]);
    await run('scp', [...scp, `${login()}:/tmp/t${index}`, join(directory, `t${index}`)]);
    await run('diff', ['-r', tree, join(directory, `t${index}`)]);
  }
  expect((await ssh('stat -c %a /tmp/t0/sub/*')).stdout).toBe('750\n');
});

it('rsync, git and forwarded ports work', async () => {
  const shell = access.command.slice(0, access.command.lastIndexOf(' '));
  const tree = join(directory, 'tree');
  await run('rsync', ['-a', '-e', shell, tree, `${login()}:/tmp/rsync`]);
  expect((await ssh('ls /tmp/rsync/tree/sub')).stdout).toBe('ü b\n');
  await vm.exec('git init -q --bare /srv/p.git');
  const url = `ssh://${login()}:${access.port}/srv/p.git`;
  const env = { ...process.env, GIT_SSH_COMMAND: shell };
  await run('git', ['clone', '-q', url, join(directory, 'clone')], { env });
  expect(existsSync(join(directory, 'clone', '.git'))).toBe(true);
  const server = vm.exec(['nc', '-vl', '127.0.0.1', '7778'], { stdout: 'pipe', stderr: 'pipe' });
  // It says that it listens.
  await once(server.stderr ?? process.stdin, 'data');
  const client = ['-F', 'none', ...options, '-W', 'localhost:7778', login()];
  const sent = spawn('ssh', client, { stdio: ['pipe', 'ignore', 'ignore'] });
  sent.stdin.end('through the port\n');
  const [first] = await once(server.stdout ?? process.stdin, 'data');
  expect(String(first)).toBe('through the port\n');
  sent.kill();
  await server.kill('SIGKILL');
});

/** A server such as an editor leaves in its remote: one line in, one line out. */
const EDITOR_SERVER = `
use IO::Socket::INET;
$server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 7779) or die;
while ($client = $server->accept) { $line = <$client>; print $client "editor $line"; close $client }
`;

/** Sends a line to a port of the guest by the SOCKS server of `ssh -D`. */
async function bySocks(socksPort: number, port: number, line: string): Promise<string> {
  const socket = connect(socksPort, '127.0.0.1');
  const greeting = Buffer.of(5, 1, 0);
  const address = Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]);
  socket.write(Buffer.concat([greeting, address, Buffer.from(line)]));
  const all = await buffer(socket);
  // 2 bytes to the greeting, 10 to the request.
  return all.subarray(12).toString();
}

it('editors find what their remote modes ask for: a script by stdin, an upload, a server that stays, a SOCKS forward', async () => {
  const socksPort = await freePort();
  // VS Code: one connection without a terminal, a dynamic forward, and `sh` that reads its script from stdin.
  const args = ['-F', 'none', ...options, '-T', '-D', `${socksPort}`, login(), 'sh'];
  const window = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  window.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const see = (pattern: RegExp) =>
    vi.waitFor(() => expect(shown).toMatch(pattern), { timeout: 20_000, interval: 50 });
  window.stdin.write('echo "start: $(uname -s) $HOME"\nmkdir -p ~/.editor/bin\n');
  await see(/start: Linux \/root\n/);
  // It uploads the archive of its server by SFTP meanwhile.
  const archive = join(directory, 'server.tar');
  writeFileSync(join(directory, 'server.pl'), EDITOR_SERVER);
  await run('tar', ['-C', directory, '-cf', archive, 'server.pl']);
  await run('scp', ['-F', 'none', ...options, '-q', archive, `${login()}:.editor/server.tar`]);
  window.stdin.write(
    'cd ~/.editor/bin && tar -xf ../server.tar && { nohup perl server.pl > log 2>&1 < /dev/null & }\n' +
      'echo "pid==$!=="; while ! nc -z 127.0.0.1 7779; do sleep 0.1; done; echo "port==7779=="\n',
  );
  await see(/pid==\d+==\nport==7779==\n/);
  expect(await bySocks(socksPort, 7779, 'hello\n')).toBe('editor hello\n');
  // The window is closed; the server stays for the next one, as JetBrains' and VS Code's do.
  window.kill();
  await once(window, 'close');
  const pid = /pid==(\d+)==/.exec(shown)?.[1];
  expect(await ssh(`kill -0 ${pid} && exec sh -c 'ps -o comm= -p ${pid}'`)).toMatchObject({
    code: 0,
    stdout: 'perl\n',
  });
  await ssh(`kill ${pid}`);
});

it('the files of trust are beside the routes of an ingress, and no other user replaces them', async () => {
  const script =
    'cat /etc/gondolin/ca.crt; echo > /etc/gondolin/listeners; rm -f /etc/gondolin/ca.crt';
  const tried = await vm.exec(script, { user: '1000:1000' });
  expect(tried.stdout).toContain('BEGIN CERTIFICATE');
  expect(tried.stderr).toContain('cannot remove');
  expect((await vm.exec('ls /etc/gondolin')).stdout).toContain('listeners');
});

it('git in the guest clones with a key of the host, which the guest does not have', async () => {
  const cloned = await vm.exec(
    `git clone -q git@git.test:${directory}/project.git /tmp/p && git -C /tmp/p log --format=%s`,
  );
  expect(cloned).toMatchObject({ exitCode: 0, stdout: 'first\n', stderr: '' });
  const command = `git-upload-pack '${directory}/project.git'`;
  expect(events.filter((event) => event.kind === 'ssh_command')).toMatchObject([
    { host: 'git.test', port: 22, user: sshd.user, command },
  ]);
  const line = readFileSync(sshd.keyFile, 'utf8').split('\n')[2] ?? 'no key';
  const search = await vm.exec(['grep', '-rlF', line, '/etc', '/root', '/home', '/tmp', '/run']);
  expect(search.stdout).toBe('');
  expect((await vm.exec('ls -A /root/.ssh; echo "$SSH_AUTH_SOCK"')).stdout).toBe('\n');
});

it('other commands, and servers that are not known, are refused with what to do', async () => {
  const other = await vm.exec('git clone -q git@git.test:org/other.git /tmp/q');
  expect(other.stderr).toContain("git-upload-pack 'org/other.git'");
  expect((await vm.exec('ssh git@git.test "id -u; id"')).stderr).toContain('may not run');
  expect(await vm.exec('ssh git@git.test id -u')).toMatchObject({ exitCode: 0 });
  const unknown = await vm.exec('ssh git@unknown.test id -u');
  expect(unknown.exitCode).toBe(255);
  expect(unknown.stderr).toContain(`unknown.test ${sshd.hostKey}`);
  const reasons = events.filter((event) => event.kind === 'blocked').map(({ reason }) => reason);
  expect(reasons).toEqual(['ssh_command', 'ssh_command', 'ssh_host_key']);
});

it('gondolin ssh reaches a VM of another process', async () => {
  const words = ['ssh', 'ssh-test', '--', 'sh', '-c', 'echo "$1" >&2; exit 6', 'sh', 'a  b'];
  const ended = run(process.execPath, [BUILT_BIN, ...words]);
  await expect(ended).rejects.toMatchObject({ code: 6, stderr: 'a  b\n' });
});

it('gondolin exec --ssh prints a command that logs in to its new VM', async () => {
  const command = ['exec', '-i', '--ssh', '--', 'cat'];
  const child = spawn(process.execPath, [BUILT_BIN, ...command]);
  let printed = '';
  for await (const chunk of child.stderr) {
    printed += String(chunk);
    if (/^ssh .*\n/m.test(printed)) break;
  }
  const line = /^ssh .*$/m.exec(printed)?.[0] ?? '';
  expect((await run('sh', ['-c', `${line} -n id -un`])).stdout).toBe('root\n');
  child.stdin.end();
  expect((await once(child, 'exit'))[0]).toBe(0);
});

it('close() of the VM ends the connections and removes the key', async () => {
  const client = spawn('ssh', ['-F', 'none', ...options, login(), 'echo up; cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(client.stdout, 'data');
  const exited = once(client, 'exit');
  await vm.close();
  expect((await exited)[0]).toBe(255);
  expect(existsSync(access.identityFile)).toBe(false);
  await expect(vm.ssh()).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
});
