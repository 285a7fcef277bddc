import { PassThrough, type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, type ExecOutput } from './exec-options.ts';
import { OutputCollector } from './output-collector.ts';
import { withSink } from './shared-sink.ts';

/** One output of a command on the host's side. */
export interface OutputTarget {
  readonly name: 'stdout' | 'stderr';
  /** Stream that gets the guest's bytes; null for `/dev/null` in the guest, and with a collector. */
  readonly sink: Writable | null;
  /** Stream that the caller reads, with `'pipe'`; else null. */
  readonly piped: PassThrough | null;
  /** Collects the result's bytes, with `'buffer'`; else null. */
  readonly collector: OutputCollector | null;
}

/**
 * Creates the target of an output from the option.
 * @param maxBytes  Limit of an output that is collected.
 * @throws {GondolinError} VM_BAD_OPTION
 */
export function openOutput(
  name: 'stdout' | 'stderr',
  output: ExecOutput = 'buffer',
  maxBytes: number = DEFAULT_MAX_OUTPUT_BYTES,
): OutputTarget {
  if (output instanceof Writable) return { name, sink: output, piped: null, collector: null };
  switch (output) {
    case 'inherit':
      return { name, sink: process[name], piped: null, collector: null };
    case 'ignore':
      return { name, sink: null, piped: null, collector: null };
    case 'pipe': {
      const piped = new PassThrough();
      return { name, sink: piped, piped, collector: null };
    }
    case 'buffer':
      return { name, sink: null, piped: null, collector: new OutputCollector(name, maxBytes) };
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
  { name, sink, piped, collector }: OutputTarget,
  fail: (error: GondolinError) => void,
): Promise<void> {
  if (source === null) {
    collector?.end();
    piped?.end();
    return;
  }
  if (collector !== null) return collector.read(source);
  if (sink === null) return;
  // An error of our own stream: its reader stopped, or the VM ended. The exit of the command shows which.
  if (piped !== null) return pipeline(source, sink).catch(() => undefined);
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
