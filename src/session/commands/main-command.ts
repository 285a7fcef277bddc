import { pipeline, type Readable, Transform } from 'node:stream';
import type { CommandEnd, SessionProcess } from '../session-vm.ts';
import { CommandLog, type OutputName } from './command-log.ts';
import type { DetachedCommand } from './detached-commands.ts';

/** Number by which clients name the main command. */
export const MAIN_COMMAND = 0;

/** Copies what passes to the log, which is never slower than the reader. */
function logged(stream: Readable | null, name: OutputName, log: CommandLog): Readable | null {
  if (stream === null) return null;
  const copy = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      log.append(name, chunk);
      done(null, chunk);
    },
  });
  // The reader of the copy gets its error; one that stops reading ends the source, as without a copy.
  pipeline(stream, copy, () => undefined);
  return copy;
}

async function isRead(stream: Readable | null): Promise<void> {
  if (stream === null || stream.closed) return;
  await new Promise((resolve) => stream.once('close', resolve));
}

/** A command of the VM's owner, which reads its output, as others see it too. */
export interface MainCommand {
  /** The command for its owner. */
  readonly own: SessionProcess;
  /** The command for others, once it has started. */
  started(pid: number): DetachedCommand;
}

/** Lets others watch a command of the VM's owner, and write to it when it reads input. */
export function mainCommand(process: SessionProcess, hasTerminal: boolean): MainCommand {
  const log = new CommandLog();
  const stdout = logged(process.stdout, 'stdout', log);
  const stderr = logged(process.stderr, 'stderr', log);
  const startedAtMs = Date.now();
  const state = { isRunning: true };
  const ended: Promise<CommandEnd> = Promise.all([isRead(stdout), isRead(stderr)])
    .then(() => process)
    .finally(() => {
      state.isRunning = false;
      log.close();
    });
  ended.catch(() => undefined);
  const own: SessionProcess = {
    ...{ stdin: process.stdin, stdout, stderr, pid: process.pid },
    kill: (signal, scope) => process.kill(signal, scope),
    resize: (rows, columns) => process.resize(rows, columns),
    // biome-ignore lint/suspicious/noThenProperty: a process is awaited for its end.
    then: (a, b) => process.then(a, b),
  };
  const started = (pid: number): DetachedCommand => ({
    ...{ id: MAIN_COMMAND, pid, startedAtMs, hasTerminal, process, log, ended },
    get isRunning() {
      return state.isRunning;
    },
  });
  return { own, started };
}
