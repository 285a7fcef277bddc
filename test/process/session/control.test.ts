import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { formatOwner, identifyOwnProcess } from '../../../src/host/process-life.ts';
import { listSessions, requestSession } from '../../../src/session/control-client.ts';
import type { ControlRequest } from '../../../src/session/control-request.ts';
import { type ControlHandler, openControlServer } from '../../../src/session/control-server.ts';
import { sweepStaleSessionDirectories } from '../../../src/session/session-directory.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const FACTS = { pid: 1, project: 'shop', directory: '/p', startedAtMs: 1, sandboxes: ['box'] };
const SNAPSHOT = { method: 'snapshot', sandbox: 'box', name: 'x', isReplacing: false } as const;

async function serve(handle: ControlHandler, sessions = temporaryDirectory()) {
  const server = await openControlServer(sessions, handle);
  onTestFinished(() => server.close());
  return { server, sessions };
}

/** A raw connection to a server, through a descriptor as the path may be too long. */
async function dial(directory: string): Promise<Socket> {
  const fd = openSync(directory, 'r');
  const socket = connect({ path: `/proc/self/fd/${fd}/control.sock` });
  onTestFinished(() => {
    socket.destroy();
    closeSync(fd);
  });
  await once(socket, 'connect');
  return socket;
}

async function everything(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

it('a request gets its reply, and listSessions() shows the reply to describe', async () => {
  const asked: ControlRequest[] = [];
  const { server, sessions } = await serve(async (request) => {
    asked.push(request);
    return request.method === 'describe' ? FACTS : { diskBytes: 5 };
  });
  expect(await requestSession(server.directory, SNAPSHOT)).toEqual({ diskBytes: 5 });
  expect(await listSessions(sessions)).toEqual([{ ...FACTS, controlDirectory: server.directory }]);
  expect(asked).toEqual([SNAPSHOT, { method: 'describe' }]);
});

it('only this user can reach it, and close() leaves nothing', async () => {
  const { server, sessions } = await serve(async () => FACTS);
  expect(statSync(server.directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(server.directory, 'control.sock')).mode & 0o777).toBe(0o600);
  await Promise.all([server.close(), server.close()]);
  expect(readdirSync(sessions)).toEqual([]);
  expect(await listSessions(sessions)).toEqual([]);
});

it('works below a path that is longer than a socket path may be', async () => {
  const sessions = join(temporaryDirectory(), 'x'.repeat(120), 'y'.repeat(120));
  const { server } = await serve(async () => FACTS, sessions);
  expect(await requestSession(server.directory, { method: 'describe' })).toEqual(FACTS);
});

it('an error is sent with its code and hint; any other error becomes SESSION_FAILED', async () => {
  const { server } = await serve(async ({ method }) => {
    if (method === 'describe') throw new TypeError('a bug');
    throw new GondolinError('SNAPSHOT_EXISTS', 'taken', { hint: 'Take another.' });
  });
  await expect(requestSession(server.directory, SNAPSHOT)).rejects.toMatchObject({
    code: 'SNAPSHOT_EXISTS',
    message: 'taken',
    hint: 'Take another.',
  });
  await expect(requestSession(server.directory, { method: 'describe' })).rejects.toMatchObject({
    code: 'SESSION_FAILED',
  });
});

it.each([
  '\n',
  'no json\n',
  '{"method":"rm"}\n',
  '{"method":"snapshot","name":1}\n',
  '[]\n',
  `"${'x'.repeat(20_000)}"\n`,
])('the request %.20j is answered by an error and nothing is done', async (text) => {
  let calls = 0;
  const { server } = await serve(async () => {
    calls += 1;
  });
  const socket = await dial(server.directory);
  socket.write(text);
  expect(JSON.parse(await everything(socket))).toMatchObject({
    ok: false,
    error: { code: 'SESSION_FAILED' },
  });
  expect(calls).toBe(0);
});

it('a client that ends during its request does not stop the others', async () => {
  const { server } = await serve(async () => FACTS);
  const socket = await dial(server.directory);
  socket.end('{"method":');
  await everything(socket);
  const other = await dial(server.directory);
  other.destroy();
  expect(await requestSession(server.directory, { method: 'describe' })).toEqual(FACTS);
});

it('close() ends a request that waits for its reply', async () => {
  let arrived = () => {};
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const { server } = await serve(async () => {
    arrived();
    return new Promise(() => undefined);
  });
  const asking = requestSession(server.directory, SNAPSHOT);
  asking.catch(() => undefined);
  await waiting;
  await server.close();
  await expect(asking).rejects.toMatchObject({ code: 'SESSION_FAILED' });
});

it('an abort rejects the request with its reason', async () => {
  const stop = new AbortController();
  const { server } = await serve(async () => {
    stop.abort(new GondolinError('CLI_INTERRUPTED', 'stop'));
    return new Promise(() => undefined);
  });
  await expect(requestSession(server.directory, SNAPSHOT, stop.signal)).rejects.toMatchObject({
    code: 'CLI_INTERRUPTED',
  });
});

it('sweepStaleSessionDirectories() removes directories of ended processes and keeps the others', async () => {
  const { server, sessions } = await serve(async () => FACTS);
  const own = identifyOwnProcess();
  const dead = formatOwner({ ...own, startTicks: own.startTicks - 1 });
  const foreign = formatOwner({ ...own, pidNamespace: 1 });
  for (const owner of [dead, foreign]) mkdirSync(join(sessions, `${owner}-aa.run`));
  expect(sweepStaleSessionDirectories(sessions)).toEqual([join(sessions, `${dead}-aa.run`)]);
  utimesSync(join(sessions, `${foreign}-aa.run`), 1, 1);
  expect(sweepStaleSessionDirectories(sessions)).toEqual([join(sessions, `${foreign}-aa.run`)]);
  expect(existsSync(server.directory)).toBe(true);
  expect(sweepStaleSessionDirectories(join(sessions, 'none'))).toEqual([]);
});
