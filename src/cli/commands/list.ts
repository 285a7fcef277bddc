import { resolveDirectories } from '../../host/directories.ts';
import { type FoundSession, listSessions } from '../../session/client/list-sessions.ts';
import { formatAge, formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatTable } from '../ui/text/table.ts';

const HEAD = ['ID', 'NAME', 'IMAGE', 'CPUS', 'MEMORY', 'CREATED', 'STATE', 'PID'];

function toRow({ place, facts }: FoundSession, nowMs: number): string[] {
  if (facts === null) {
    return [place.id, '-', '-', '-', '-', '-', 'not responding', String(place.pid)];
  }
  const { id, label, project, sandbox, image, cpus, memoryBytes, createdAtMs, state, pid } = facts;
  const name = label ?? (sandbox === null ? '-' : `${project}/${sandbox}`);
  return [
    id,
    plainText(name),
    plainText(image ?? '-'),
    String(cpus),
    formatBytes(memoryBytes),
    formatAge(nowMs - createdAtMs),
    state,
    String(pid),
  ];
}

/** The facts of a VM for other programs. */
function toData({ place, facts }: FoundSession) {
  return facts ?? { id: place.id, pid: place.pid, state: 'not responding' };
}

/** `list` and `ps`: lists the running VMs of this user, of whichever process. */
export const listCommand: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const sessions = await listSessions(resolveDirectories(io.env).sessions);
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify(sessions.map(toData), null, 2)}\n`);
  } else if (sessions.length === 0) {
    await writeText(io.stdout, 'No VM is running.\n');
  } else {
    const rows = sessions.map((session) => toRow(session, Date.now()));
    await writeText(io.stdout, `${formatTable([HEAD, ...rows]).join('\n')}\n`);
  }
  return 0;
};
