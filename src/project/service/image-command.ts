import type { StepCommand } from '../../plan/plan.ts';
import type { RunnerVm } from '../runner-vm.ts';

/** Fails with what is wrong, where neither the file nor the image has a command. */
const NO_COMMAND = 'echo "run: [] is the command of the image, and it has none" >&2; exit 127';

/**
 * Returns the command of a service as its image runs it: as in Docker, a list is passed to the entrypoint of the image, and an
 * empty one stands for the image's own arguments. A script runs in a shell, without the entrypoint.
 */
export function imageCommand(
  command: StepCommand,
  container: RunnerVm['container'] = null,
): StepCommand {
  if (command.kind !== 'argv') return command;
  const { entrypoint = [], cmd = [] } = container ?? {};
  const argv = [...entrypoint, ...(command.argv.length === 0 ? cmd : command.argv)];
  return argv.length === 0 ? { kind: 'shell', script: NO_COMMAND } : { kind: 'argv', argv };
}
