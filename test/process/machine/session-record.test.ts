import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  formatOwner,
  identifyOwnProcess,
  identifyProcess,
  type ProcessIdentity,
} from '../../../src/host/process-life.ts';
import {
  newSession,
  removeSession,
  sweepStaleSessions,
  writeSession,
} from '../../../src/machine/session-record.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** A process that never ends by itself, with one more word on its command line. */
async function bystander(
  word: string,
): Promise<{ child: ChildProcess; identity: ProcessIdentity }> {
  const script = 'process.stdout.write("up"); setInterval(() => {}, 1e6)';
  const child = spawn(process.execPath, ['-e', script, word], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout !== null) await once(child.stdout, 'data');
  const identity = identifyProcess(child.pid ?? 0);
  if (identity === null) throw new Error('the bystander is not running');
  return { child, identity };
}

/** This test's pid with another start time: a process that is no more. */
function deadOwner(): ProcessIdentity {
  const own = identifyOwnProcess();
  return { ...own, startTicks: own.startTicks - 1 };
}

function record(directory: string, owner: ProcessIdentity, content: unknown) {
  const id = `${formatOwner(owner)}-0123456789ab`;
  const file = join(directory, `${id}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return { file, name: `gondolin-${id}` };
}

it('sweepStaleSessions() finds nothing in a missing or empty directory', () => {
  const directory = temporaryDirectory();
  const nothing = { killedPids: [], removedFiles: [] };
  expect(sweepStaleSessions(join(directory, 'missing'))).toEqual(nothing);
  expect(sweepStaleSessions(directory)).toEqual(nothing);
});

it('sweepStaleSessions() leaves the machines of a living owner alone', async () => {
  const directory = temporaryDirectory();
  const { child } = await bystander('machine');
  const session = newSession(directory);
  writeSession(session, child.pid ?? null);
  expect(sweepStaleSessions(directory)).toEqual({ killedPids: [], removedFiles: [] });
  expect(existsSync(session.file)).toBe(true);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  removeSession(session);
  removeSession(session);
  expect(readdirSync(directory)).toEqual([]);
});

it('sweepStaleSessions() kills the recorded machine of a dead owner', async () => {
  const directory = temporaryDirectory();
  const { child, identity } = await bystander('machine');
  const { file } = record(directory, deadOwner(), { qemu: identity });
  const ended = once(child, 'exit');
  expect(sweepStaleSessions(directory)).toEqual({
    killedPids: [identity.pid],
    removedFiles: [file],
  });
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(readdirSync(directory)).toEqual([]);
});

it.each([
  { name: 'before the pid was known', content: '{"qemu":null}' },
  { name: 'in the middle of a line', content: '{"qemu":{"pid' },
  { name: 'before the first byte', content: '' },
  { name: 'with fields of the wrong kind', content: '{"qemu":{"pid":"1"}}' },
])(
  'sweepStaleSessions() finds a machine by its name when the record was cut off $name',
  async ({ content }) => {
    const directory = temporaryDirectory();
    const { name } = record(directory, deadOwner(), content);
    const { child } = await bystander(`guest=${name}`);
    const other = await bystander(`guest=${name}-other`);
    const ended = once(child, 'exit');
    expect(sweepStaleSessions(directory).killedPids).toEqual([child.pid]);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(other.child.signalCode).toBeNull();
  },
);

it('sweepStaleSessions() does not kill a process that reuses the pid of a dead machine', async () => {
  const directory = temporaryDirectory();
  const { child, identity } = await bystander('machine');
  const qemu = { ...identity, startTicks: identity.startTicks - 1 };
  record(directory, deadOwner(), { qemu });
  expect(sweepStaleSessions(directory).killedPids).toEqual([]);
  expect(child.signalCode).toBeNull();
  expect(readdirSync(directory)).toEqual([]);
});

it('sweepStaleSessions() ignores files that are not records', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'notes.json'), '{}');
  writeFileSync(join(directory, 'README'), '');
  sweepStaleSessions(directory);
  expect(readdirSync(directory).toSorted()).toEqual(['README', 'notes.json']);
});

it('sweepStaleSessions() removes a record of another container only after a day', () => {
  const directory = temporaryDirectory();
  const own = identifyOwnProcess();
  const { file } = record(directory, { ...own, pidNamespace: own.pidNamespace + 1 }, {});
  expect(sweepStaleSessions(directory).removedFiles).toEqual([]);
  utimesSync(file, 0, 0);
  expect(sweepStaleSessions(directory).removedFiles).toEqual([file]);
});

it('writeSession() records who owns the machine and which process it is', () => {
  const session = newSession(temporaryDirectory());
  writeSession(session, null);
  expect(JSON.parse(readFileSync(session.file, 'utf8'))).toMatchObject({ qemu: null });
  writeSession(session, process.pid);
  expect(JSON.parse(readFileSync(session.file, 'utf8'))).toEqual({
    name: session.name,
    qemu: identifyOwnProcess(),
    owner: identifyOwnProcess(),
  });
});
