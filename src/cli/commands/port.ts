import { formatPlace } from '../../address/format-place.ts';
import { parsePort } from '../../address/port.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { sessionPorts } from '../../session/requests/ports.ts';
import type { SessionPort } from '../../session/session-vm.ts';
import { decodeValue } from '../../util/json-decoder.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import {
  findSession,
  isProjectAbove,
  type LiveSession,
  listLiveSessions,
  type ProjectScope,
} from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';

interface Wanted {
  readonly vm: string | null;
  readonly guestPort: number | null;
}

/** Reads `[VM] [PORT]`: one number alone is a port. */
function readOperands(operands: readonly string[]): Wanted {
  const [first, second, ...rest] = operands;
  const [vm, portText] =
    second === undefined && first !== undefined && parsePort(first) !== null
      ? [null, first]
      : [first ?? null, second];
  const guestPort = portText === undefined ? null : parsePort(portText);
  if (rest.length > 0 || (portText !== undefined && guestPort === null)) {
    throw usageError('expected a VM, and a port of it', 'Write gondolin port [SANDBOX] [PORT].');
  }
  return { vm, guestPort };
}

/** Chooses the VM that was named, else those of the project here, else all. */
async function chooseSessions(
  io: CliIo,
  vm: string | null,
  scope: ProjectScope,
): Promise<readonly LiveSession[]> {
  if (vm !== null) return [await findSession(io, vm, scope)];
  const sessions = await listLiveSessions(io, scope);
  const here = sessions.filter((session) => isProjectAbove(session, io.cwd));
  return here.length > 0 ? here : sessions;
}

async function readPorts(session: LiveSession, io: CliIo): Promise<readonly SessionPort[]> {
  if (session.state !== 'running') return [];
  const reply = await requestSession(session.controlDirectory, 'ports', {}, io.signal);
  const decoded = decodeValue(reply, sessionPorts);
  if (decoded.ok) return decoded.value;
  throw sessionFailed(`it sent invalid ports: ${decoded.problem}`);
}

interface Row extends SessionPort {
  readonly id: string;
  readonly name: string;
}

function nameOf({ label, sandbox, id }: LiveSession): string {
  return label ?? sandbox ?? id;
}

/** Like `docker port`: the place alone for a port that was named, else a line for each port. */
function toLine(row: Row, { vm, guestPort }: Wanted): string {
  const place = formatPlace(row);
  if (guestPort !== null) return place;
  return `${vm === null ? `${plainText(row.name)} ` : ''}${row.guestPort}/tcp -> ${place}`;
}

/** `port [SANDBOX] [PORT]`: prints where ports of running VMs are reached on this machine. */
export const portCommand: CommandRun = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const wanted = readOperands(operands);
  const { guestPort } = wanted;
  const sessions = await chooseSessions(io, wanted.vm, options);
  const ports = await Promise.all(
    sessions.map(async (session): Promise<Row[]> => {
      const own = await readPorts(session, io);
      return own.map((port) => ({ id: session.id, name: nameOf(session), ...port }));
    }),
  );
  const rows = ports.flat().filter((row) => guestPort === null || row.guestPort === guestPort);
  if (rows.length === 0 && guestPort !== null) {
    const whose = wanted.vm === null ? 'a running VM' : plainText(wanted.vm);
    const message = `port ${guestPort} of ${whose} is not reachable from this machine`;
    throw new GondolinError('SESSION_PORT_NOT_FOUND', message);
  }
  const text =
    format === 'json'
      ? JSON.stringify(rows, null, 2)
      : rows.map((row) => toLine(row, wanted)).join('\n');
  if (text !== '') await writeText(io.stdout, `${text}\n`);
  return 0;
};
