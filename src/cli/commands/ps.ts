import { formatPlace } from '../../address/format-place.ts';
import type { FoundProject } from '../../project/background/project-record.ts';
import type { SandboxState } from '../../project/live/sandbox-state.ts';
import { formatAge } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { chooseStates } from '../project/choose-states.ts';
import { findProject } from '../project/find-project.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatTable } from '../ui/text/table.ts';
import { listCommand } from './list.ts';

const HEAD = ['NAME', 'STATE', 'HEALTH', 'EXIT', 'RESTARTS', 'SINCE', 'VM', 'PORTS'];

/** A sandbox that ran when its process was killed has no VM any more. */
function afterKill(state: SandboxState) {
  const hasEnded = ['done', 'failed', 'stopped'].includes(state.phase);
  return hasEnded
    ? state
    : { ...state, phase: 'killed' as const, vmId: null, ports: [], step: null };
}

type Shown = ReturnType<typeof afterKill>;

function statesOf({ record, isAlive }: FoundProject): readonly Shown[] {
  return isAlive ? record.sandboxes : record.sandboxes.map(afterKill);
}

function toRow({ phase, step, ...state }: Shown, nowMs: number): string[] {
  const ports = state.ports.map((port) => `${formatPlace(port)}->${port.guestPort}`);
  return [
    state.name,
    step === null ? phase : `${phase}: ${plainText(step)}`,
    state.health ?? '-',
    state.exitCode === null ? '-' : String(state.exitCode),
    String(state.restarts),
    formatAge(nowMs - Date.parse(state.since)),
    state.vmId ?? '-',
    ports.join(', ') || '-',
  ];
}

async function printProject(
  found: FoundProject,
  names: readonly string[],
  io: CliIo,
  format: 'text' | 'json',
) {
  const { record, isAlive } = found;
  const { name, file, owner, isBackground, startedAt } = record;
  const states = chooseStates(statesOf(found), names);
  if (format === 'json') {
    const facts = { project: name, file, pid: owner.pid, isBackground, isAlive, startedAt };
    const errors = { ...facts, sandboxes: states };
    await writeText(io.stdout, `${JSON.stringify(errors, null, 2)}\n`);
    return;
  }
  const rows = states.map((state) => toRow(state, Date.now()));
  await writeText(io.stdout, `${formatTable([HEAD, ...rows]).join('\n')}\n`);
  for (const { name: sandbox, error } of states) {
    if (error !== null) await writeText(io.stderr, `${sandbox}: ${plainText(error.message)}\n`);
  }
  if (isAlive) return;
  const note = `The process of project ${name} (pid ${owner.pid}) was killed, and its VMs with it. Run gondolin up -d to start it again, or gondolin down to forget it.`;
  await writeText(io.stderr, `${note}\n`);
}

/** `ps`: lists the sandboxes of the project here that `up` runs; where none is, the running VMs as `list` does. */
export const psCommand: CommandRun = async (context) => {
  const { io, options, operands } = context;
  const found = findProject(io, options);
  if (found === null && options.projectName === undefined) return listCommand(context);
  const format = chooseFormat(options, ['text', 'json']);
  if (found !== null) await printProject(found, operands, io, format);
  else if (format === 'json') await writeText(io.stdout, 'null\n');
  else await writeText(io.stdout, `Project ${options.projectName} is not running.\n`);
  return 0;
};
