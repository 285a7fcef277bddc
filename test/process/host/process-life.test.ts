import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import {
  findProcessesByArgument,
  identifyOwnProcess,
  identifyProcess,
  lifeOf,
  signalProcess,
} from '../../../src/host/process-life.ts';

function sleeper() {
  const child = spawn('sleep', ['1000']);
  onTestFinished(() => void child.kill('SIGKILL'));
  const identity = identifyProcess(child.pid ?? 0);
  if (identity === null) throw new Error('sleep is not running');
  return { child, identity };
}

it('lifeOf() is alive for this process and dead for an earlier one with its pid', () => {
  const own = identifyOwnProcess();
  expect(own.pid).toBe(process.pid);
  expect(lifeOf(own)).toBe('alive');
  expect(lifeOf({ ...own, startTicks: own.startTicks - 1 })).toBe('dead');
  expect(lifeOf({ ...own, pid: 2 ** 22 + 1 })).toBe('dead');
});

it('lifeOf() cannot tell for a process of another pid namespace', () => {
  const own = identifyOwnProcess();
  expect(lifeOf({ ...own, pidNamespace: own.pidNamespace + 1 })).toBe('unknown');
});

it('signalProcess() ends that very process, once', async () => {
  const { child, identity } = sleeper();
  const ended = once(child, 'exit');
  expect(signalProcess(identity, 'SIGKILL')).toBe(true);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(signalProcess(identity, 'SIGKILL')).toBe(false);
  expect(lifeOf(identity)).toBe('dead');
});

it('signalProcess() spares a process with the same pid and another start time', () => {
  const { child, identity } = sleeper();
  expect(signalProcess({ ...identity, startTicks: identity.startTicks + 1 }, 'SIGKILL')).toBe(
    false,
  );
  expect(child.killed).toBe(false);
  expect(lifeOf(identity)).toBe('alive');
});

it('identifyProcess() is null for a process that is only waiting to be reaped', async () => {
  // The shell's child ends at once; the shell never waits for it.
  const script = 'sleep 0 & echo $!; exec sleep 1000';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  await expect.poll(() => identifyProcess(Number(line.toString()))).toBeNull();
});

it('findProcessesByArgument() matches whole arguments only', async () => {
  const word = `marker-${process.pid}-${performance.now()}`;
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', word]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  expect(findProcessesByArgument(word).map(({ pid }) => pid)).toEqual([child.pid]);
  expect(findProcessesByArgument(word.slice(0, -1))).toEqual([]);
});
