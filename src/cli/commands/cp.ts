import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as allText } from 'node:stream/consumers';
import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import type { CopyCounts } from '../../session/session-vm.ts';
import {
  type Decoded,
  type Decoder,
  decodeJson,
  decodeValue,
  integer,
  object,
} from '../../util/json-decoder.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { findSession, type LiveSession } from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { followCommand } from '../remote-exec.ts';
import { usageError } from '../usage-error.ts';

/** The operand that stands for standard input or output, which are tar archives. */
const OWN_STREAM = '-';

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

const counts: Decoder<CopyCounts> = object<CopyCounts>({
  files: integer(),
  directories: integer(),
  links: integer(),
  bytes: integer(),
  skipped: integer(),
});

async function report(io: CliIo, format: string, decoded: Decoded<CopyCounts>): Promise<void> {
  if (!decoded.ok) throw sessionFailed(`its reply is invalid: ${decoded.problem}`);
  const { files, bytes, skipped } = decoded.value;
  const note = skipped === 0 ? '' : `, without ${skipped} sockets, FIFOs and devices`;
  const text = `copied ${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}${note}\n`;
  await writeText(io.stdout, format === 'json' ? `${JSON.stringify(decoded.value)}\n` : text);
}

/** Writes a tar archive of the guest's files to standard output. */
async function archiveOut(io: CliIo, session: LiveSession, guestPath: string): Promise<number> {
  if (io.stdout.isTTY === true) {
    throw usageError(
      'standard output is a terminal, and a tar archive is not text',
      'Send it to a file or to tar: gondolin cp VM:path - | tar x',
    );
  }
  const fields = { direction: 'out', guestPath } as const;
  return followCommand(io, session, 'archive', fields, { hasInput: false, needsEnd: true });
}

/** Unpacks the tar archive of standard input in the guest. */
async function archiveIn(
  io: CliIo,
  format: string,
  session: LiveSession,
  guestPath: string,
): Promise<number> {
  const stdout = new PassThrough();
  const reply = allText(stdout);
  const fields = { direction: 'in', guestPath } as const;
  const use = { hasInput: true, needsEnd: true };
  const exitCode = await followCommand({ ...io, stdout }, session, 'archive', fields, use);
  stdout.end();
  await report(io, format, decodeJson(await reply, counts));
  return exitCode;
}

/** `cp VM:path path` and `cp path VM:path`: copies files and trees; `-` is a tar archive on standard input or output. */
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
      'Write gondolin cp VM:path path, or gondolin cp path VM:path; - is a tar archive on standard input or output.',
    );
  }
  const session = await findSession(io, guest.vm, options);
  if (to === OWN_STREAM) return archiveOut(io, session, guest.path);
  if (from === OWN_STREAM) return archiveIn(io, format, session, guest.path);
  const own = resolve(io.cwd, source === null ? from : to);
  const request = {
    direction: source === null ? ('in' as const) : ('out' as const),
    hostPath: source === null ? own : hostTarget(own, guest.path),
    guestPath: guest.path,
  };
  const reply = await requestSession(session.controlDirectory, 'copy', request, io.signal);
  await report(io, format, decodeValue(reply, counts));
  return 0;
};
