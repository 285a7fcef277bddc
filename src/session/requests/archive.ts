import { PassThrough, type Readable, type Writable } from 'node:stream';
import { literal, object, text } from '../../util/json-decoder.ts';
import { serveOwnCommand } from '../commands/serve-command.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';
import type { CommandEnd, SessionFiles, SessionProcess } from '../session-vm.ts';

export interface ArchiveRequest {
  /** `in`: the client's input is unpacked in the guest. */
  readonly direction: 'in' | 'out';
  /** A relative one starts at the VM's directory. */
  readonly guestPath: string;
}

const DONE: CommandEnd = { exitCode: 0, signal: null, isOutOfMemory: false };

/** A copy with the streams of a command, so that a client follows it as one. Any signal ends it. */
function asProcess(
  streams: { readonly stdin: Writable | null; readonly stdout: Readable },
  ended: Promise<CommandEnd>,
  stop: AbortController,
): SessionProcess {
  ended.catch(() => undefined);
  return {
    ...streams,
    stderr: null,
    pid: Promise.resolve(0),
    kill: async () => stop.abort(),
    resize: async () => undefined,
    // biome-ignore lint/suspicious/noThenProperty: a process is awaited for its end.
    then: (a, b) => ended.then(a, b),
  };
}

function readArchive(files: SessionFiles, path: string, stop: AbortController): SessionProcess {
  const stdout = files.readArchive(path, { signal: stop.signal });
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    stdout.once('end', () => resolve(DONE)).once('error', reject);
  });
  return asProcess({ stdin: null, stdout }, ended, stop);
}

/** The output is the counts of what was copied, as JSON. */
function writeArchive(files: SessionFiles, path: string, stop: AbortController): SessionProcess {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const copy = files.writeArchive(path, stdin, { signal: stop.signal });
  const ended = copy.then((counts) => {
    stdout.end(JSON.stringify(counts));
    return DONE;
  });
  // The reason is in `ended`: the output only ends, and input that still comes is dropped.
  ended.catch(() => {
    stdout.end();
    stdin.destroy();
  });
  return asProcess({ stdin, stdout }, ended, stop);
}

/** Copies between a tar stream of the client and files of the guest. */
export const archiveRequest: RequestKind<ArchiveRequest> = {
  decoder: object<ArchiveRequest>({
    direction: literal('in', 'out'),
    guestPath: text({ pattern: /^[^\0]+$/ }),
  }),
  run: async ({ direction, guestPath }, session, connection) => {
    const { fs: files } = runningVm(session);
    const stop = new AbortController();
    const start = direction === 'out' ? readArchive : writeArchive;
    const process = start(files, guestPath, stop);
    await serveOwnCommand(process, connection.startFrames(null), () => stop.abort());
    return null;
  },
};
