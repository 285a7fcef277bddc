import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { openFrames } from '../session/client/session-client.ts';
import { MAIN_COMMAND } from '../session/commands/main-command.ts';
import { type LiveSession, listLiveSessions } from './find-session.ts';
import { type CliIo, writeText } from './io.ts';

const POLL_MS = 100;
/** Time for an owner whose VM has ended to end too. */
const END_LIMIT_MS = 10_000;

/** True in the process that owns the VM of `exec -d`, which the variable tells it. */
export function isBackgroundOwner({ env }: CliIo): boolean {
  return env['GONDOLIN_BACKGROUND_OWNER'] === '1';
}

/** Starts the command line of this process again, in a session of its own, without a terminal. */
function startOwner(io: CliIo): ChildProcess {
  const argv = [...process.execArgv, ...process.argv.slice(1)];
  return spawn(process.execPath, argv, {
    cwd: io.cwd,
    env: { ...io.env, GONDOLIN_BACKGROUND_OWNER: '1' },
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** True once the owner has started its command. */
async function hasCommand({ controlDirectory }: LiveSession): Promise<boolean> {
  try {
    const fields = { command: MAIN_COMMAND, isFollowing: false };
    const { stream } = await openFrames(controlDirectory, 'logs', fields);
    stream.destroy();
    return true;
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'SESSION_COMMAND_NOT_FOUND') return false;
    throw error;
  }
}

/** The same, and false for a VM that ends while it is asked: its owner reports why, and ends with the right code. */
async function hasCommandYet(own: LiveSession, ended: Promise<unknown>): Promise<boolean> {
  try {
    return await hasCommand(own);
  } catch (error) {
    if (!GondolinError.is(error)) throw error;
    const isOver = ended.then(() => true);
    const limit = delay(END_LIMIT_MS, false, { ref: false });
    if (!(await Promise.race([isOver, limit]))) throw error;
    return false;
  }
}

/** Resolves with the VM of the owner once its command runs; with null when the owner ends first. */
async function waitForVm(
  io: CliIo,
  owner: ChildProcess,
  ended: Promise<unknown>,
): Promise<LiveSession | null> {
  for (;;) {
    io.signal.throwIfAborted();
    if (owner.exitCode !== null || owner.signalCode !== null) return null;
    const own = (await listLiveSessions(io, {})).find(({ pid }) => pid === owner.pid);
    if (own?.state === 'running' && (await hasCommandYet(own, ended))) return own;
    await delay(POLL_MS);
  }
}

/**
 * Starts the VM and the command of this command line in another process, which keeps the VM until it is stopped. Prints the VM's id
 * once the command runs. Until then this process shows what that one reports, and ends it when it is interrupted.
 * @returns 0, or the exit code of the other process if it ends first.
 */
export async function startBackgroundVm(io: CliIo): Promise<number> {
  const owner = startOwner(io);
  owner.stderr?.on('data', (chunk: Buffer) => void writeText(io.stderr, chunk.toString('utf8')));
  const ended = once(owner, 'close') as Promise<[number | null]>;
  try {
    const own = await waitForVm(io, owner, ended);
    if (own === null) return (await ended)[0] ?? 125;
    await writeText(io.stdout, `${own.id}\n`);
    return 0;
  } catch (error) {
    owner.kill('SIGTERM');
    await ended;
    throw error;
  } finally {
    owner.stderr?.destroy();
    owner.unref();
  }
}
