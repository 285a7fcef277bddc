import { PassThrough, Writable } from 'node:stream';
import type { CliIo, CliOutput } from '../../../src/cli/io.ts';

/** An output that keeps its text. */
export function outputOf({ isTTY = false, columns = 80 } = {}) {
  const chunks: string[] = [];
  const stream: CliOutput = Object.assign(
    new Writable({
      decodeStrings: false,
      write: (chunk, _encoding, done) => {
        chunks.push(String(chunk));
        done();
      },
    }),
    { isTTY, columns },
  );
  return { stream, text: () => chunks.join('') };
}

export function fakeIo(rest: Partial<CliIo> & { isTTY?: boolean } = {}) {
  const { isTTY = false, ...given } = rest;
  const stdout = outputOf({ isTTY });
  const stderr = outputOf({ isTTY });
  const io: CliIo = {
    stdin: new PassThrough(),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: {},
    cwd: '/nowhere',
    signal: new AbortController().signal,
    ...given,
  };
  return { io, stdout: stdout.text, stderr: stderr.text };
}
