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
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { formatOwner, identifyOwnProcess } from '../../../src/host/process-life.ts';
import { listSessions } from '../../../src/session/client/list-sessions.ts';
import { requestSession } from '../../../src/session/client/session-client.ts';
import { MAX_CONNECTIONS } from '../../../src/session/control-server.ts';
import {
  makeSessionDirectory,
  sweepStaleSessionDirectories,
} from '../../../src/session/session-directory.ts';
import { VmSession } from '../../../src/session/vm-session.ts';
import { OWNED, serveFakeVm } from '../../fixtures/fake-session.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const SNAPSHOT = { name: 'x', isReplacing: false };

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

it('a VM is listed while it starts, and once it runs', async () => {
  const sessions = join(temporaryDirectory(), 'sessions');
  const session = await VmSession.open(sessions, OWNED, null);
  onTestFinished(() => session.close());
  const list = async () => (await listSessions(sessions)).map(({ facts }) => facts);
  const { id, createdAtMs } = session.facts;
  const facts = { ...OWNED, id, createdAtMs, pid: process.pid };
  expect(await list()).toEqual([{ ...facts, state: 'starting' }]);
  const { vm } = await serveFakeVm();
  session.attach(vm);
  expect(await list()).toEqual([{ ...facts, state: 'running' }]);
});

it('a request for a VM that is starting is refused with SESSION_STARTING', async () => {
  const { sessions, directory } = await serveFakeVm();
  const session = await VmSession.open(sessions, OWNED, null);
  onTestFinished(() => session.close());
  const found = (await listSessions(sessions)).map(({ place }) => place.directory);
  const starting = found.find((place) => place !== directory) ?? '';
  await expect(requestSession(starting, 'stop', {})).rejects.toMatchObject({
    code: 'SESSION_STARTING',
  });
});

it('only this user can reach it, and close() leaves nothing', async () => {
  const { session, sessions, directory } = await serveFakeVm();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600);
  await Promise.all([session.close(), session.close()]);
  expect(readdirSync(sessions)).toEqual([]);
  expect(await listSessions(sessions)).toEqual([]);
});

it('works below a path that is longer than a socket path may be', async () => {
  const sessions = join(temporaryDirectory(), 'x'.repeat(120), 'y'.repeat(120));
  const { session, directory } = await serveFakeVm({ sessions });
  expect(await requestSession(directory, 'describe', {})).toEqual(session.facts);
});

it('a snapshot is saved by its owner; a VM of a program has none', async () => {
  const asked: unknown[] = [];
  const { vm, directory } = await serveFakeVm({
    saveSnapshot: async (request, save) => {
      asked.push(request);
      await save('/there');
      return 5;
    },
  });
  expect(await requestSession(directory, 'snapshot', SNAPSHOT)).toEqual({ diskBytes: 5 });
  expect({ asked, saved: vm.saved }).toEqual({ asked: [SNAPSHOT], saved: ['/there'] });
  const program = await serveFakeVm();
  await expect(requestSession(program.directory, 'snapshot', SNAPSHOT)).rejects.toMatchObject({
    code: 'SESSION_UNSUPPORTED',
  });
});

it('the changes of overlays are kept by their owner after a sync of the guest; a VM without has none', async () => {
  let kept = 0;
  const { vm, directory } = await serveFakeVm({
    keepOverlays: async () => {
      expect(vm.asked.map(({ command }) => command)).toEqual([['sync']]);
      kept += 1;
    },
  });
  expect(await requestSession(directory, 'overlays', {})).toEqual({ isKept: true });
  expect(kept).toBe(1);
  const other = await serveFakeVm();
  expect(await requestSession(other.directory, 'overlays', {})).toEqual({ isKept: false });
  expect(other.vm.asked).toEqual([]);
});

it('an error is sent with its code and hint; any other error becomes SESSION_FAILED', async () => {
  let failure: Error = new GondolinError('SNAPSHOT_EXISTS', 'taken', { hint: 'Take another.' });
  const { directory } = await serveFakeVm({
    saveSnapshot: async () => {
      throw failure;
    },
  });
  const ask = () => requestSession(directory, 'snapshot', SNAPSHOT);
  await expect(ask()).rejects.toMatchObject({
    code: 'SNAPSHOT_EXISTS',
    message: 'taken',
    hint: 'Take another.',
  });
  failure = new TypeError('a bug');
  await expect(ask()).rejects.toMatchObject({ code: 'SESSION_FAILED', message: 'a bug' });
});

it.each([
  '\n',
  'no json\n',
  '{"method":"rm"}\n',
  '{"method":"__proto__"}\n',
  '{"method":"snapshot","name":1}\n',
  '{"method":"exec","command":[]}\n',
  '[]\n',
  `"${'x'.repeat(300_000)}"\n`,
])('the request %.20j is answered by an error and nothing is done', async (text) => {
  const { vm, directory } = await serveFakeVm();
  const socket = await dial(directory);
  socket.write(text);
  expect(JSON.parse(await everything(socket))).toMatchObject({
    ok: false,
    error: { code: 'SESSION_FAILED' },
  });
  expect({ asked: vm.asked, saved: vm.saved }).toEqual({ asked: [], saved: [] });
});

it('a client that ends during its request does not stop the others', async () => {
  const { session, directory } = await serveFakeVm();
  const socket = await dial(directory);
  socket.end('{"method":');
  await everything(socket);
  const other = await dial(directory);
  other.destroy();
  expect(await requestSession(directory, 'describe', {})).toEqual(session.facts);
});

it('a client above the limit of connections gets SESSION_LIMIT, and the next one is served', async () => {
  const { session, directory } = await serveFakeVm();
  const idle = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, () => dial(directory)));
  // Each has been accepted once the server has answered a later one.
  await expect(requestSession(directory, 'describe', {})).rejects.toMatchObject({
    code: 'SESSION_LIMIT',
  });
  for (const socket of idle) socket.destroy();
  const ask = () => requestSession(directory, 'describe', {}).catch(() => null);
  // Once the server has noticed that they left.
  let served = await ask();
  while (served === null) served = await ask();
  expect(served).toEqual(session.facts);
});

it('close() ends a request that waits for its reply', async () => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const { session, directory } = await serveFakeVm({
    saveSnapshot: () => {
      arrive();
      return new Promise(() => undefined);
    },
  });
  const asking = requestSession(directory, 'snapshot', SNAPSHOT);
  asking.catch(() => undefined);
  await arrived;
  await session.close();
  await expect(asking).rejects.toMatchObject({ code: 'SESSION_FAILED' });
});

it('an abort rejects the request with its reason', async () => {
  const stop = new AbortController();
  const { directory } = await serveFakeVm({
    saveSnapshot: () => {
      stop.abort(new GondolinError('CLI_INTERRUPTED', 'stop'));
      return new Promise(() => undefined);
    },
  });
  const asking = requestSession(directory, 'snapshot', SNAPSHOT, stop.signal);
  await expect(asking).rejects.toMatchObject({ code: 'CLI_INTERRUPTED' });
});

it('an owner that does not answer is listed without facts', async () => {
  const sessions = temporaryDirectory();
  const { id, directory } = await makeSessionDirectory(sessions);
  const silent = createServer().listen(join(directory, 'control.sock'));
  onTestFinished(() => void silent.close());
  await once(silent, 'listening');
  const place = { directory, id, pid: process.pid };
  expect(await listSessions(sessions, 50)).toEqual([{ place, facts: null }]);
});

it('sweepStaleSessionDirectories() removes directories of ended processes and keeps the others', async () => {
  const { sessions, directory } = await serveFakeVm();
  const own = identifyOwnProcess();
  const dead = formatOwner({ ...own, startTicks: own.startTicks - 1 });
  const foreign = formatOwner({ ...own, pidNamespace: 1 });
  const pathOf = (owner: string) => join(sessions, `${owner}-0123456789ab.vm`);
  for (const owner of [dead, foreign]) mkdirSync(pathOf(owner));
  expect((await listSessions(sessions)).map(({ place }) => place.directory)).toEqual([directory]);
  expect(sweepStaleSessionDirectories(sessions)).toEqual([pathOf(dead)]);
  utimesSync(pathOf(foreign), 1, 1);
  expect(sweepStaleSessionDirectories(sessions)).toEqual([pathOf(foreign)]);
  expect(existsSync(directory)).toBe(true);
  expect(sweepStaleSessionDirectories(join(sessions, 'none'))).toEqual([]);
});
