import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { followRemote } from '../../../src/session/client/remote-command.ts';
import { openFrames, requestSession } from '../../../src/session/client/session-client.ts';
import { LOG_BYTES } from '../../../src/session/commands/command-log.ts';
import { MAX_DETACHED } from '../../../src/session/commands/detached-commands.ts';
import { INPUT_CREDIT_BYTES } from '../../../src/session/frames/input-credit.ts';
import { encodeSize } from '../../../src/session/frames/window-size.ts';
import type { ExecRequest } from '../../../src/session/requests/exec.ts';
import { serveFakeVm } from '../../fixtures/fake-session.ts';

function request(command: string, other: Partial<ExecRequest> = {}): ExecRequest {
  const rest = { env: [], cwd: null, user: null, stdin: false, terminal: null, isDetached: false };
  return { command, ...rest, ...other };
}

/** Runs a command through a socket and collects its output. */
async function exec(directory: string, asked: ExecRequest, input: Readable | null = null) {
  const { stream } = await openFrames(directory, 'exec', asked);
  return follow(stream, input);
}

async function follow(stream: Parameters<typeof followRemote>[0], stdin: Readable | null = null) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const gaps: number[] = [];
  const texts = Promise.all([text(stdout), text(stderr)]);
  const onGap = (bytes: number) => gaps.push(bytes);
  const end = await followRemote(stream, { stdin, stdout, stderr, onGap }).finally(() => {
    stdout.end();
    stderr.end();
    stream.destroy();
  });
  const [out, error] = await texts;
  return { end, stdout: out, stderr: error, gaps };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilDead(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise(setImmediate);
}

it('a command gets its input, environment and directory, and its outputs and exit code come back', async () => {
  const { vm, directory } = await serveFakeVm();
  const asked = request('cat; echo "$WORD" >&2; exit 7', {
    env: ['WORD=a=b'],
    cwd: '/w',
    user: 'me',
    stdin: true,
  });
  const result = await exec(directory, asked, Readable.from(['one\n', 'two\n']));
  expect(result).toMatchObject({ stdout: 'one\ntwo\n', stderr: 'a=b\n', end: { exitCode: 7 } });
  expect(vm.asked[0]?.options).toMatchObject({ env: { WORD: 'a=b' }, cwd: '/w', user: 'me' });
});

it('8 MiB pass in and out unchanged, far above the credit', async () => {
  const { directory } = await serveFakeVm();
  const bytes = Buffer.alloc(8 * 2 ** 20, 'gondolin');
  const { stream } = await openFrames(directory, 'exec', request('cat', { stdin: true }));
  const stdout = new PassThrough();
  const output = buffer(stdout);
  const streams = { stdin: Readable.from([bytes]), stdout, stderr: new PassThrough() };
  expect(await followRemote(stream, streams)).toMatchObject({ exitCode: 0 });
  stdout.end();
  expect((await output).equals(bytes)).toBe(true);
});

it('a command that cannot be started rejects with its code before any frame', async () => {
  const { directory } = await serveFakeVm();
  const asked = { ...request(''), command: ['/no/such/program'] };
  await expect(openFrames(directory, 'exec', asked)).rejects.toMatchObject({
    code: 'AGENT_EXEC_NOT_FOUND',
  });
});

it('a client that leaves ends its command, though the command reads no input', async () => {
  const { vm, directory } = await serveFakeVm();
  const asked = request('echo ready; exec sleep 600', { stdin: true });
  const { stream } = await openFrames(directory, 'exec', asked);
  const stdout = new PassThrough();
  const input = Readable.from([Buffer.alloc(4 * INPUT_CREDIT_BYTES)]);
  const following = followRemote(stream, { stdin: input, stdout, stderr: new PassThrough() });
  await new Promise((resolve) => stdout.once('data', resolve));
  stream.destroy();
  expect(await following).toBe(null);
  await untilDead(vm.pids[0] ?? 0);
});

it('a client that reads nothing holds up its command and no other', async () => {
  const { vm, directory } = await serveFakeVm();
  const slow = await openFrames(directory, 'exec', request('yes; echo never'));
  expect(await exec(directory, request('seq 20000 | tail -1'))).toMatchObject({
    stdout: '20000\n',
  });
  // The pipe of the fake command is full too: it has not ended, and what the owner holds has a bound.
  expect(isAlive(vm.pids[0] ?? 0)).toBe(true);
  slow.stream.destroy();
  await untilDead(vm.pids[0] ?? 0);
});

it('a command whose reader has gone gets SIGPIPE', async () => {
  const { directory } = await serveFakeVm();
  const { stream } = await openFrames(directory, 'exec', request('yes'));
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(new Error('closed')) });
  stdout.on('error', () => undefined);
  const streams = { stdin: null, stdout, stderr: new PassThrough() };
  expect(await followRemote(stream, streams)).toMatchObject({ exitCode: 141, signal: 'SIGPIPE' });
});

it('a signal of the client reaches the command', async () => {
  const { directory } = await serveFakeVm();
  const trap = 'trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.01; done';
  const { stream } = await openFrames(directory, 'exec', request(trap));
  const stdout = new PassThrough();
  stdout.once('data', () => void stream.send('signal', Buffer.from('SIGUSR1')));
  const streams = { stdin: null, stdout, stderr: new PassThrough() };
  expect(await followRemote(stream, streams)).toMatchObject({ exitCode: 3 });
});

it('a command on a terminal gets its size, and each new one', async () => {
  const { vm, directory } = await serveFakeVm();
  const asked = request('read line', { stdin: true, terminal: { rows: 30, columns: 100 } });
  const { stream } = await openFrames(directory, 'exec', asked);
  expect(vm.asked[0]?.options).toMatchObject({ pty: true, rows: 30, columns: 100 });
  await stream.send('resize', encodeSize(40, 120));
  await stream.send('stdin', Buffer.from('\n'));
  const streams = { stdin: null, stdout: new PassThrough(), stderr: new PassThrough() };
  expect(await followRemote(stream, streams)).toMatchObject({ exitCode: 0 });
  expect(vm.sizes).toEqual([[40, 120]]);
});

it.each([
  ['a channel of the owner', 'stdout', Buffer.from('x')],
  ['a terminal without size', 'resize', Buffer.alloc(4)],
  ['an unknown signal', 'signal', Buffer.from('SIGNONE')],
  ['more input than its credit', 'stdin', Buffer.alloc(2 * INPUT_CREDIT_BYTES)],
] as const)(
  'a client that sends %s is cut off, and its command is killed',
  async (_, channel, data) => {
    const { vm, directory } = await serveFakeVm();
    const asked = request('exec sleep 600', { stdin: true });
    const { stream } = await openFrames(directory, 'exec', asked);
    void stream.send(channel, data);
    for await (const frame of stream.frames()) expect(frame.channel).toBe('credit');
    await untilDead(vm.pids[0] ?? 0);
  },
);

it('a detached command runs without a client; its output is kept and followed, and its end waited for', async () => {
  const { directory } = await serveFakeVm();
  const script = 'read first; echo "$first"; echo two >&2; exit 5';
  const asked = request(script, { stdin: true, isDetached: true });
  expect(await requestSession(directory, 'exec', asked)).toMatchObject({ id: 1 });
  const watching = openFrames(directory, 'logs', { command: null, isFollowing: true });
  const { stream: watcher } = await watching;
  const followed = follow(watcher);
  const attached = await openFrames(directory, 'attach', { command: 1 });
  const own = follow(attached.stream, Readable.from(['one\n']));
  const ended = { end: { exitCode: 5, signal: null }, stdout: 'one\n', stderr: 'two\n' };
  expect(await own).toMatchObject(ended);
  expect(await followed).toMatchObject(ended);
  const waited = await requestSession(directory, 'wait', { command: 1 });
  expect(waited).toEqual({ exitCode: 5, signal: null, isOutOfMemory: false });
  const later = await openFrames(directory, 'logs', { command: 1, isFollowing: false });
  expect(await follow(later.stream)).toMatchObject({ end: null, stdout: 'one\n' });
});

it('the oldest output of a detached command is dropped, and a reader learns how much', async () => {
  const { directory } = await serveFakeVm();
  const asked = request(`head -c ${LOG_BYTES + 5} /dev/zero`, { isDetached: true });
  await requestSession(directory, 'exec', asked);
  await requestSession(directory, 'wait', { command: null });
  const { stream } = await openFrames(directory, 'logs', { command: null, isFollowing: true });
  const { stdout, gaps } = await follow(stream);
  const lost = gaps.reduce((sum, bytes) => sum + bytes, 0);
  expect(stdout.length + lost).toBe(LOG_BYTES + 5);
  expect(stdout.length).toBeLessThanOrEqual(LOG_BYTES);
});

it('kill sends a signal to a detached command, and to one that has ended nothing', async () => {
  const { directory } = await serveFakeVm();
  await requestSession(directory, 'exec', request('exec sleep 600', { isDetached: true }));
  const kill = () => requestSession(directory, 'kill', { command: 1, signal: 'SIGKILL' });
  expect(await kill()).toEqual({ isRunning: true });
  const end = await requestSession(directory, 'wait', { command: 1 });
  expect(end).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
  expect(await kill()).toEqual({ isRunning: false });
  await expect(
    requestSession(directory, 'kill', { command: 1, signal: 'SIGNONE' }),
  ).rejects.toMatchObject({ code: 'SESSION_FAILED' });
});

it('an unknown number is SESSION_COMMAND_NOT_FOUND, and too many commands SESSION_LIMIT', async () => {
  const { vm, directory } = await serveFakeVm();
  await expect(requestSession(directory, 'wait', { command: null })).rejects.toMatchObject({
    code: 'SESSION_COMMAND_NOT_FOUND',
  });
  const detached = request('exec sleep 600', { isDetached: true });
  for (let count = 0; count < MAX_DETACHED; count++) {
    await requestSession(directory, 'exec', detached);
  }
  await expect(requestSession(directory, 'exec', detached)).rejects.toMatchObject({
    code: 'SESSION_LIMIT',
  });
  expect(vm.asked).toHaveLength(MAX_DETACHED);
  await requestSession(directory, 'kill', { command: 2, signal: 'SIGKILL' });
  await requestSession(directory, 'wait', { command: 2 });
  expect(await requestSession(directory, 'exec', detached)).toMatchObject({ id: MAX_DETACHED + 1 });
  await expect(requestSession(directory, 'wait', { command: 2 })).rejects.toMatchObject({
    code: 'SESSION_COMMAND_NOT_FOUND',
  });
  for (const pid of vm.pids.filter(isAlive)) process.kill(-pid, 'SIGKILL');
});

it('stop closes the VM, and the connection ends when nothing is left', async () => {
  const { vm, session, directory } = await serveFakeVm();
  let isClosed = false;
  vm.closing = async () => {
    isClosed = true;
    await session.close();
  };
  const { stream } = await openFrames(directory, 'stop', {});
  for await (const frame of stream.frames()) throw new Error(`unexpected ${frame.channel}`);
  expect(isClosed).toBe(true);
  await expect(requestSession(directory, 'describe', {})).rejects.toMatchObject({
    code: 'SESSION_FAILED',
  });
});

it("others follow and write to the owner's command, which has its number 0, and the owner reads it all", async () => {
  const { vm, session, directory } = await serveFakeVm();
  const missing = openFrames(directory, 'attach', { command: 0 });
  await expect(missing).rejects.toMatchObject({ code: 'SESSION_COMMAND_NOT_FOUND' });
  const script = 'echo begun; read line; echo "got $line"; echo late >&2; exit 3';
  const { signal } = new AbortController();
  const options = { stdin: true, stdout: 'pipe', stderr: 'pipe', env: {}, signal } as const;
  const own = session.showMain(vm.exec(['sh', '-c', script], options), false);
  const { stdout, stderr } = own;
  if (stdout === null || stderr === null) throw new Error('it has no output');
  const read = Promise.all([text(stdout), text(stderr)]);
  await own.pid;
  const { stream } = await openFrames(directory, 'logs', { command: 0, isFollowing: true });
  const followed = follow(stream);
  const attached = await openFrames(directory, 'attach', { command: 0 });
  await attached.stream.send('stdin', Buffer.from('word\n'));
  const all = { stdout: 'begun\ngot word\n', stderr: 'late\n', end: { exitCode: 3 } };
  expect(await followed).toMatchObject(all);
  attached.stream.destroy();
  expect(await read).toEqual(['begun\ngot word\n', 'late\n']);
  expect(await own).toMatchObject({ exitCode: 3 });
  expect(await requestSession(directory, 'wait', { command: null })).toMatchObject({ exitCode: 3 });
  // Detached ones are numbered from 1, and without a number the latest of them is meant.
  const detached = request('echo one', { isDetached: true });
  expect(await requestSession(directory, 'exec', detached)).toMatchObject({ id: 1 });
  const later = await openFrames(directory, 'logs', { command: null, isFollowing: true });
  expect(await follow(later.stream)).toMatchObject({ stdout: 'one\n' });
});
