import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { type SessionStats, sessionStats } from '../../session/session-stats.ts';
import { decodeValue } from '../../util/json-decoder.ts';
import { formatBytes, formatDuration } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import {
  chooseSession,
  type LiveSession,
  listLiveSessions,
  sessionTitle,
} from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { formatTable } from '../ui/text/table.ts';

const HEAD = ['VM', 'MEMORY', 'CPU TIME', 'UPTIME', 'EXECS', 'GUEST MEMORY', 'LOAD'];

async function readStats(io: CliIo, { controlDirectory }: LiveSession): Promise<SessionStats> {
  const reply = await requestSession(controlDirectory, 'stats', {}, io.signal);
  const decoded = decodeValue(reply, sessionStats);
  if (decoded.ok) return decoded.value;
  throw sessionFailed(`its stats are invalid: ${decoded.problem}`);
}

function toRow(session: LiveSession, stats: SessionStats): string[] {
  const { memoryBytes, cpuMs, uptimeMs, execCount, guest } = stats;
  const used = guest === null ? null : Math.max(0, guest.memoryBytes - guest.availableBytes);
  return [
    sessionTitle(session),
    formatBytes(memoryBytes),
    formatDuration(cpuMs),
    formatDuration(uptimeMs),
    String(execCount),
    guest === null || used === null
      ? '-'
      : `${formatBytes(used)} of ${formatBytes(guest.memoryBytes)}`,
    guest === null ? '-' : guest.load.toFixed(2),
  ];
}

/** `stats [VM…]`: prints what VMs use, by default all that run. */
export const statsCommand: CommandRun = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const all = await listLiveSessions(io, options);
  const sessions =
    operands.length === 0
      ? all.filter(({ state }) => state === 'running')
      : operands.map((word) => chooseSession(all, word, io.cwd));
  const found = await Promise.all(
    sessions.map(async (session) => ({ session, stats: await readStats(io, session) })),
  );
  if (format === 'json') {
    const data = found.map(({ session, stats }) => ({ id: session.id, ...stats }));
    await writeText(io.stdout, `${JSON.stringify(data, null, 2)}\n`);
  } else if (found.length === 0) {
    await writeText(io.stdout, 'No VM is running.\n');
  } else {
    const rows = found.map(({ session, stats }) => toRow(session, stats));
    await writeText(io.stdout, `${formatTable([HEAD, ...rows]).join('\n')}\n`);
  }
  return 0;
};
