import { openFrames } from '../../session/client/session-client.ts';
import type { CommandRun } from '../command-context.ts';
import { findSession } from '../find-session.ts';
import { writeText } from '../io.ts';
import { usageError } from '../usage-error.ts';

/** `stop VM…`: closes running VMs, and returns when nothing of them is left. */
export const stopCommand: CommandRun = async ({ io, operands }) => {
  if (operands.length === 0) throw usageError('expected a VM', 'Write gondolin stop VM.');
  // All are found before the first is stopped, so that a mistake stops none.
  const sessions = await Promise.all(operands.map((word) => findSession(io, word)));
  for (const { id, controlDirectory } of sessions) {
    const { stream } = await openFrames(controlDirectory, 'stop', {}, io.signal);
    // The owner closes the connection when it has closed the VM.
    for await (const _ of stream.frames());
    io.signal.throwIfAborted();
    await writeText(io.stdout, `${id}\n`);
  }
  return 0;
};
