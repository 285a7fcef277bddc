import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { decodeValue, integer, object } from '../../util/json-decoder.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { findSession } from '../find-session.ts';
import { writeText } from '../io.ts';
import { usageError } from '../usage-error.ts';

interface GuestPlace {
  readonly vm: string;
  readonly path: string;
}

/** Reads `VM:path`; null for a path of the host, which begins with `.` or `/` when it has a colon. */
function readGuestPlace(text: string): GuestPlace | null {
  const match = /^([^/.:][^/:]*):(.+)$/s.exec(text);
  return match === null ? null : { vm: match[1] ?? '', path: match[2] ?? '' };
}

/** Returns the path that is written: within a directory that exists, the name of the source. */
function hostTarget(path: string, source: string): string {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? join(path, basename(source)) : path;
}

const copied = object({
  files: integer(),
  directories: integer(),
  links: integer(),
  bytes: integer(),
  skipped: integer(),
});

/** `cp VM:path path` and `cp path VM:path`: copies files and trees. */
export const cpCommand: CommandRun = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const [from, to, ...rest] = operands;
  const [source, target] = [readGuestPlace(from ?? ''), readGuestPlace(to ?? '')];
  const guest = source ?? target;
  if (
    from === undefined ||
    to === undefined ||
    rest.length > 0 ||
    guest === null ||
    (source !== null && target !== null)
  ) {
    throw usageError(
      'expected one path of the host and one of a VM',
      'Write gondolin cp VM:path path, or gondolin cp path VM:path.',
    );
  }
  const own = resolve(io.cwd, source === null ? from : to);
  const request = {
    direction: source === null ? ('in' as const) : ('out' as const),
    hostPath: source === null ? own : hostTarget(own, guest.path),
    guestPath: guest.path,
  };
  const { controlDirectory } = await findSession(io, guest.vm);
  const reply = await requestSession(controlDirectory, 'copy', request, io.signal);
  const decoded = decodeValue(reply, copied);
  if (!decoded.ok) throw sessionFailed(`its reply is invalid: ${decoded.problem}`);
  const { files, bytes, skipped } = decoded.value;
  const note = skipped === 0 ? '' : `, without ${skipped} sockets, FIFOs and devices`;
  const text = `copied ${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}${note}\n`;
  await writeText(io.stdout, format === 'json' ? `${JSON.stringify(decoded.value)}\n` : text);
  return 0;
};
