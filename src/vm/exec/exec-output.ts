import { PassThrough, type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ExecOutput } from './exec-options.ts';
import { withSink } from './shared-sink.ts';

/** One output of a command on the host's side. */
export interface OutputTarget {
  readonly name: 'stdout' | 'stderr';
  /** Target of the guest's bytes; null for `/dev/null` in the guest. */
  readonly sink: Writable | null;
  /** Stream that the caller reads, with `'pipe'`; else null. */
  readonly piped: Readable | null;
  /** Bytes collected into the result, with `'buffer'`; else null. */
  readonly buffered: Readable | null;
}

/** Creates the target of an output from the option. @throws {GondolinError} VM_BAD_OPTION */
export function openOutput(name: 'stdout' | 'stderr', output: ExecOutput = 'buffer'): OutputTarget {
  if (output instanceof Writable) return { name, sink: output, piped: null, buffered: null };
  switch (output) {
    case 'inherit':
      return { name, sink: process[name], piped: null, buffered: null };
    case 'ignore':
      return { name, sink: null, piped: null, buffered: null };
    case 'pipe': {
      const piped = new PassThrough();
      return { name, sink: piped, piped, buffered: null };
    }
    case 'buffer': {
      const buffered = new PassThrough();
      return { name, sink: buffered, piped: null, buffered };
    }
    default:
      throw new GondolinError(
        'VM_BAD_OPTION',
        `option ${name}: got ${JSON.stringify(output)}, want 'buffer', 'pipe', 'inherit', 'ignore' or a Writable`,
      );
  }
}

/**
 * Copies an output of the command to its target, with backpressure. Resolves when the output ends, for any reason.
 * @param fail Called with VM_OUTPUT_FAILED when a target of the caller's own cannot be written.
 */
export async function copyOutput(
  source: Readable | null,
  { name, sink, piped, buffered }: OutputTarget,
  fail: (error: GondolinError) => void,
): Promise<void> {
  const isOurs = piped !== null || buffered !== null;
  if (sink === null) return;
  if (source === null) {
    if (isOurs) sink.end();
    return;
  }
  // An error of our own stream: its reader stopped, or the VM ended. The exit of the command shows which.
  if (isOurs) return pipeline(source, sink).catch(() => undefined);
  await withSink(sink, async (write) => {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      await write(chunk).catch((cause: Error) => {
        throw new GondolinError(
          'VM_OUTPUT_FAILED',
          `${name} of the command cannot be written: ${cause.message}`,
          { cause },
        );
      });
    }
  }).catch((error: unknown) => {
    // An output breaks without a cause of its own only when the VM ended: the exit of the command reports why.
    if (GondolinError.is(error) && error.code === 'VM_OUTPUT_FAILED') fail(error);
  });
}
