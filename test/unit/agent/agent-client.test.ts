import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { AgentClient } from '../../../src/agent/agent-client.ts';
import { MuxSession } from '../../../src/mux/mux-session.ts';
import { MAX_FILE_BYTES, PROTOCOL_VERSION } from '../../../src/protocol/constants.ts';
import { ERRNO } from '../../../src/protocol/errno.ts';
import { FakeGuest } from '../../fixtures/fake-guest.ts';

function start(timeoutMs = 5_000) {
  const guest = new FakeGuest();
  const session = new MuxSession(guest.host);
  const agent = new AgentClient(session, { timeoutMs });
  return { guest, session, agent };
}

function ok(requestId: number, body: Buffer = Buffer.alloc(0)) {
  return { type: 'OK', requestId, body } as const;
}

function pid(value: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(value);
  return body;
}

it('hello gives what the agent says of itself, made printable', async () => {
  const { guest, agent } = start();
  guest.message({
    type: 'HELLO',
    version: PROTOCOL_VERSION,
    agentVersion: 'a\u001bb',
    kernelRelease: 'k',
  });
  const hello = await agent.hello;
  expect(hello.kernelRelease).toBe('k');
  expect(hello.agentVersion).not.toContain('\u001b');
});

it('hello rejects with AGENT_VERSION for another protocol', async () => {
  const { guest, agent } = start();
  guest.hello(PROTOCOL_VERSION + 1);
  await expect(agent.hello).rejects.toMatchObject({ code: 'AGENT_VERSION' });
});

it('a request resolves with its OK', async () => {
  const { guest, agent } = start();
  guest.hello();
  const pinged = agent.ping();
  guest.message(ok((await guest.request('PING')).requestId));
  await pinged;
});

it('a request rejects with AGENT_REQUEST_FAILED naming stage and errno', async () => {
  const { guest, agent } = start();
  guest.hello();
  const mounted = agent.mountHost({ source: '0', target: '/x', isReadonly: false });
  const { requestId } = await guest.request('MOUNT');
  guest.message({ type: 'FAILED', requestId, errno: ERRNO.ENOSPC, stage: 'mount /x' });
  await expect(mounted).rejects.toMatchObject({
    code: 'AGENT_REQUEST_FAILED',
    details: { stage: 'mount /x', errno: 'ENOSPC' },
  });
});

it('a request rejects with AGENT_TIMEOUT when the guest does not reply', async () => {
  const { guest, agent } = start(20);
  guest.hello();
  await expect(agent.ping()).rejects.toMatchObject({ code: 'AGENT_TIMEOUT' });
});

it('a guest that leaves more than 256 requests without a reply in time ends its session', async () => {
  const { guest, agent, session } = start(20);
  guest.hello();
  const pings = Array.from({ length: 257 }, () => agent.ping());
  const outcomes = await Promise.allSettled(pings);
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await session.ended).toMatchObject({ code: 'GUEST_PROTOCOL', details: { limit: 256 } });
});

it('exec() gives output, exit and pid', async () => {
  const { guest, agent } = start();
  guest.hello();
  const starting = agent.exec({ argv: ['x'], env: { A: '1' } });
  const { requestId, request } = await guest.request('EXEC');
  if (request.type !== 'EXEC') throw new Error('no EXEC');
  expect(request.env).toEqual(['A=1']);
  guest.message(ok(requestId, pid(77)));
  const command = await starting;
  expect(command.pid).toBe(77);
  guest.frame({ type: 'DATA', streamId: request.stdout, payload: Buffer.from('out') });
  guest.frame({ type: 'EOF', streamId: request.stdout });
  guest.frame({ type: 'EOF', streamId: request.stderr });
  guest.message({ type: 'EXITED', requestId, kind: 'CODE', value: 3, isOutOfMemory: true });
  expect(await command.exited).toEqual({ code: 3, signal: null, isOutOfMemory: true });
  if (command.stdout === null) throw new Error('no stdout');
  expect(await text(command.stdout)).toBe('out');
});

it.each([
  ['exec no-such', ERRNO.ENOENT, 'AGENT_EXEC_NOT_FOUND'],
  ['exec /etc', ERRNO.EACCES, 'AGENT_EXEC_NOT_EXECUTABLE'],
  ['cwd /no', ERRNO.ENOENT, 'AGENT_EXEC_BAD_CWD'],
  ['user ann', ERRNO.ENOENT, 'AGENT_EXEC_BAD_USER'],
  ['exec x', ERRNO.E2BIG, 'AGENT_REQUEST_TOO_LARGE'],
  ['pipe', ERRNO.EMFILE, 'AGENT_REQUEST_FAILED'],
] as const)(
  'exec() that fails at stage "%s" with errno %i rejects with %s',
  async (stage, errno, code) => {
    const { guest, agent, session } = start();
    guest.hello();
    const starting = agent.exec({ argv: ['x'] });
    const { requestId } = await guest.request('EXEC');
    guest.message({ type: 'FAILED', requestId, errno, stage });
    await expect(starting).rejects.toMatchObject({ code });
    expect(session.openStreams).toBe(0);
  },
);

it('exec() refuses text with NUL and more than fits a request', async () => {
  const { guest, agent } = start();
  guest.hello();
  await expect(agent.exec({ argv: ['a\0b'] })).rejects.toMatchObject({
    code: 'PROTOCOL_TEXT_HAS_NUL',
  });
  await expect(agent.exec({ argv: ['x'.repeat(5_000_000)] })).rejects.toMatchObject({
    code: 'AGENT_REQUEST_TOO_LARGE',
  });
});

it('exec() with a terminal opens one output, and resize() names the exec', async () => {
  const { guest, agent, session } = start();
  guest.hello();
  const starting = agent.exec({ argv: ['x'], stdin: true, terminal: { rows: 40, columns: 120 } });
  const { requestId, request } = await guest.request('EXEC');
  if (request.type !== 'EXEC') throw new Error('no EXEC');
  expect(request).toMatchObject({ stderr: 0, terminal: { rows: 40, columns: 120 } });
  expect(session.openStreams).toBe(2);
  guest.message(ok(requestId, pid(77)));
  const command = await starting;
  expect(command.stderr).toBeNull();
  const resized = command.resize({ rows: 50, columns: 132 });
  const resize = await guest.request('RESIZE');
  expect(resize.request).toEqual({ type: 'RESIZE', execId: requestId, rows: 50, columns: 132 });
  guest.message(ok(resize.requestId));
  await resized;
  const late = command.resize({ rows: 1, columns: 1 });
  const failed = { errno: ERRNO.ESRCH, stage: 'resize' };
  const { requestId: lateId } = await guest.request('RESIZE');
  guest.message({ type: 'FAILED', requestId: lateId, ...failed });
  await late;
});

/** Starts a connect() and returns the id of its stream. */
async function startConnect(options: { signal?: AbortSignal; timeoutMs?: number } = {}) {
  const { guest, agent, session } = start(options.timeoutMs);
  guest.hello();
  const connecting = agent.connect({ port: 8080, ...options });
  connecting.catch(() => undefined);
  const opened = await guest.until(() => guest.frames.find(({ type }) => type === 'OPEN'));
  if (opened.type !== 'OPEN') throw new Error('no OPEN');
  return { guest, agent, session, connecting, opened };
}

it('connect() gives a stream once the guest has accepted it', async () => {
  const { guest, connecting, opened } = await startConnect();
  const { streamId } = opened;
  expect(opened).toMatchObject({
    kind: 4,
    body: Buffer.from([0, 0x90, 0x1f, ...Buffer.alloc(16)]),
  });
  guest.frame({ type: 'ACCEPT', streamId });
  const socket = await connecting;
  guest.frame({ type: 'DATA', streamId, payload: Buffer.from('hello') });
  guest.frame({ type: 'EOF', streamId });
  expect(await text(socket)).toBe('hello');
  expect(guest.frames.some(({ type }) => type === 'ACCEPT')).toBe(false);
});

it.each([3, 4, 5, 6])('connect() rejects with the reason %i of the RESET', async (reason) => {
  const { guest, session, connecting, opened } = await startConnect();
  guest.frame({ type: 'RESET', streamId: opened.streamId, reason });
  await expect(connecting).rejects.toMatchObject({ code: 'MUX_STREAM_RESET', details: { reason } });
  expect(session.openStreams).toBe(0);
});

it('connect() rejects with AGENT_TIMEOUT, and when it is aborted, and resets the stream', async () => {
  const late = await startConnect({ timeoutMs: 20 });
  await expect(late.connecting).rejects.toMatchObject({ code: 'AGENT_TIMEOUT' });
  const abort = new AbortController();
  const attempt = await startConnect({ signal: abort.signal });
  const { guest, agent, session, connecting, opened } = attempt;
  abort.abort(null);
  await expect(connecting).rejects.toMatchObject({ name: 'AbortError' });
  expect(session.openStreams).toBe(0);
  await guest.until(() => guest.frames.find(({ type }) => type === 'RESET'));
  // The guest's reply crossed with the reset.
  guest.frame({ type: 'ACCEPT', streamId: opened.streamId });
  guest.frame({ type: 'DATA', streamId: opened.streamId, payload: Buffer.from('x') });
  const pinged = agent.ping();
  guest.message(ok((await guest.request('PING')).requestId));
  await pinged;
  const early = start().agent.connect({ port: 8080, signal: abort.signal });
  await expect(early).rejects.toMatchObject({ name: 'AbortError' });
});

it('kill() of an exec that is gone is no error', async () => {
  const { guest, agent } = start();
  guest.hello();
  const killed = agent.kill(9, 9, 'tree');
  const { requestId } = await guest.request('KILL');
  guest.message({ type: 'FAILED', requestId, errno: ERRNO.ESRCH, stage: 'kill' });
  await killed;
});

it('network() asks for NETWORK', async () => {
  const { guest, agent } = start();
  guest.hello();
  const asked = agent.network();
  guest.message(ok((await guest.request('NETWORK')).requestId));
  await asked;
});

it('writeFile() sends a large file in parts, each appended to the one before', async () => {
  const { guest, agent } = start();
  guest.hello();
  const data = Buffer.alloc(2 * MAX_FILE_BYTES + 5, 'certificate ');
  const writing = agent.writeFile({ path: '/etc/ca.pem', data, mode: 0o600 });
  const parts: Buffer[] = [];
  const seen: unknown[] = [];
  while (parts.length < 3) {
    const { requestId, request } = await guest.request('FILE');
    if (request.type !== 'FILE') throw new Error('no FILE');
    const { content, ...rest } = request;
    parts.push(Buffer.from(content));
    seen.push(rest);
    guest.message(ok(requestId));
  }
  await writing;
  const flags = { isKept: false, isJavaStore: false };
  const part = { type: 'FILE', path: '/etc/ca.pem', mode: 0o600, ...flags };
  const isAppended = true;
  expect(seen).toEqual([
    { ...part, isAppended: false },
    ...[1, 2].map(() => ({ ...part, isAppended })),
  ]);
  expect(Buffer.concat(parts).equals(data)).toBe(true);
});

it('writeFile() writes an empty file and appends with `append`', async () => {
  const { guest, agent } = start();
  guest.hello();
  const empty = agent.writeFile({ path: '/x', data: Buffer.alloc(0) });
  const first = await guest.request('FILE');
  expect(first.request).toMatchObject({
    isAppended: false,
    mode: 0o644,
    content: new Uint8Array(),
  });
  guest.message(ok(first.requestId));
  await empty;
  const more = agent.writeFile({ path: '/x', data: Buffer.from('y'), append: true });
  const second = await guest.request('FILE');
  expect(second.request).toMatchObject({ isAppended: true });
  guest.message(ok(second.requestId));
  await more;
});

it.each([
  ['an OK nobody waits for', ok(99)],
  [
    'an EXITED of nothing',
    { type: 'EXITED', requestId: 5, kind: 'CODE', value: 0, isOutOfMemory: false } as const,
  ],
])('the session ends with GUEST_PROTOCOL on %s', async (_name, message) => {
  const { guest, session } = start();
  guest.hello();
  guest.message(message);
  expect(await session.ended).toMatchObject({ code: 'GUEST_PROTOCOL' });
});

it('the session ends with GUEST_PROTOCOL when HELLO is not first or comes twice', async () => {
  const early = start();
  early.guest.message(ok(1));
  expect(await early.session.ended).toMatchObject({ code: 'GUEST_PROTOCOL' });
  const twice = start();
  twice.guest.hello();
  twice.guest.hello();
  expect(await twice.session.ended).toMatchObject({ code: 'GUEST_PROTOCOL' });
});

it('requests and processes reject when the session ends', async () => {
  const { guest, agent } = start();
  guest.hello();
  const pinged = agent.ping();
  await guest.request('PING');
  guest.hangUp();
  await expect(pinged).rejects.toMatchObject({ code: 'MUX_CLOSED' });
});
