import { once } from 'node:events';
import {
  anything,
  decodeValue,
  dictionary,
  list,
  literal,
  object,
  tagged,
  text,
} from '../../util/json-decoder.ts';
import type { CommandRun } from '../command-context.ts';
import { usageError } from '../usage-error.ts';
import { readWanted } from './read-wanted.ts';
import { SwitchedOutput } from './switched-output.ts';
import type { TerminalReport, TerminalRequest, TerminalWork } from './terminal-project.ts';
import { upInForeground } from './up-in-foreground.ts';

const terminalWork = object({ options: dictionary(anything), operands: list(text()) });

const request = tagged<TerminalRequest>('kind', {
  show: object<TerminalRequest>({ kind: literal('show') }),
  hide: object<TerminalRequest>({ kind: literal('hide') }),
  detach: object<TerminalRequest>({ kind: literal('detach') }),
});

function tell(report: TerminalReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(report, () => resolve());
    else resolve();
  });
}

/** The process that has a project which the terminal of another process shows, until it is detached or that one ends. */
export const terminalCommand: CommandRun = async ({ io }) => {
  if (process.send === undefined) throw usageError('this command is started by `gondolin up` only');
  const [message] = await once(process, 'message');
  const decoded = decodeValue(message, terminalWork);
  if (!decoded.ok) throw usageError(decoded.problem);
  // The parsed options of `up`, of the same program.
  const { options, operands } = decoded.value as unknown as TerminalWork;
  const stdout = new SwitchedOutput(io.stdout);
  const stderr = new SwitchedOutput(io.stderr);
  const own = { ...io, stdout, stderr };
  let isHidden = false;
  let isDetached = false;
  let alive: NodeJS.Timeout | undefined;
  process.on('disconnect', () => {
    // The terminal is gone: as if it had been closed on this process.
    if (!isDetached) process.kill(process.pid, 'SIGHUP');
  });
  const wanted = await readWanted(own, options, operands);
  const exitCode = await upInForeground(wanted, options, own, {
    isOutputHidden: () => isHidden,
    onRunning: (host) => {
      const detach = async () => {
        if (isDetached) return;
        isDetached = true;
        // Neither the control socket nor a VM that has ended keeps Node alive.
        alive = setInterval(() => undefined, 2 ** 30);
        stdout.switchOff();
        stderr.switchOff();
        host.detach();
        await tell({ kind: 'detached' });
        if (process.connected) process.disconnect();
      };
      process.on('message', (value) => {
        const asked = decodeValue(value, request);
        if (!asked.ok) return;
        isHidden = asked.value.kind === 'hide';
        if (asked.value.kind === 'detach') void detach();
      });
      void tell({ kind: 'running' });
    },
  });
  clearInterval(alive);
  await Promise.all([stdout.flush(), stderr.flush()]);
  return exitCode;
};
