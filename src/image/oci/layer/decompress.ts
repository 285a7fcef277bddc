import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { layerRefused } from './layer-error.ts';
import { LAYER_LIMITS } from './limits.ts';

const CHUNK_BYTES = 256 * 1024;
/** fzstd gives all that a piece of input becomes at once: a piece of this size becomes 128 MiB at most. */
const SCRIPT_PIECE_BYTES = 4 * 1024;
const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** A skippable frame may come first; its last digit is free. RFC 8878, section 3.1.2. */
const ZSTD_SKIPPABLE = [0x2a, 0x4d, 0x18];

type ZstdStreams = { createZstdDecompress?: (options?: object) => NodeJS.ReadWriteStream };

/**
 * Decompresses a layer as its first bytes say, whatever the manifest calls it: gzip, zstd (also in several frames, as
 * zstd:chunked has it), or a plain archive. Untrusted: the output is bounded, absolutely and by what went in.
 *
 * @param onRead  Gets the number of compressed bytes of each piece.
 * @throws {GondolinError} IMAGE_LAYER_INVALID.
 */
export async function* decompressLayer(
  input: Readable,
  onRead: (bytes: number) => void = () => undefined,
  limits: GrowthLimits = LAYER_LIMITS,
): AsyncGenerator<Buffer> {
  let compressedBytes = 0;
  let bytes = 0;
  const counted = countInput(input, (length) => {
    compressedBytes += length;
    onRead(length);
  });
  for await (const chunk of await openDecompressor(counted)) {
    bytes += chunk.length;
    checkGrowth(bytes, compressedBytes, limits);
    yield chunk;
  }
}

/** Bounds on what a layer may become, as in LAYER_LIMITS. */
export type GrowthLimits = Readonly<Record<'layerBytes' | 'freeBytes' | 'ratio', number>>;

function checkGrowth(
  bytes: number,
  compressedBytes: number,
  { layerBytes, freeBytes, ratio }: GrowthLimits,
): void {
  if (bytes > layerBytes) throw layerRefused(`a layer has more than ${layerBytes} bytes`);
  if (bytes > freeBytes && bytes > compressedBytes * ratio) {
    throw layerRefused(`${compressedBytes} bytes of a layer became more than ${bytes}`);
  }
}

async function* countInput(
  input: Readable,
  count: (length: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of input as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}

async function openDecompressor(input: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  const start: Buffer[] = [];
  let length = 0;
  while (length < 4) {
    const { value, done } = await input.next();
    if (done === true) break;
    start.push(value);
    length += value.length;
  }
  const magic = Buffer.concat(start);
  const whole = prepend(magic, input);
  const startsWith = (bytes: readonly number[], offset = 0) =>
    bytes.every((byte, index) => magic[index + offset] === byte);
  if (startsWith(GZIP)) return gunzip(whole);
  if (startsWith(ZSTD) || startsWith(ZSTD_SKIPPABLE, 1)) return unzstd(whole);
  return whole;
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

function gunzip(input: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  return through(input, zlib.createGunzip({ chunkSize: CHUNK_BYTES }), 'gzip');
}

/** Node has it since 22.15; before, it is done in JavaScript. */
function unzstd(input: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  const { createZstdDecompress } = zlib as ZstdStreams;
  if (createZstdDecompress === undefined) return unzstdByScript(input);
  return through(input, createZstdDecompress({ chunkSize: CHUNK_BYTES }), 'zstd');
}

async function* through(
  input: AsyncGenerator<Buffer>,
  decompressor: NodeJS.ReadWriteStream,
  form: string,
): AsyncGenerator<Buffer> {
  const source = Readable.from(input);
  let inputError: Error | undefined;
  source.once('error', (error: Error) => {
    inputError = error;
    (decompressor as NodeJS.ReadWriteStream & { destroy(error: Error): void }).destroy(error);
  });
  source.pipe(decompressor);
  try {
    yield* decompressor as unknown as AsyncIterable<Buffer>;
  } catch (cause) {
    throw inputError ?? layerRefused(`a layer is not valid ${form}`, cause);
  } finally {
    source.destroy();
  }
}

async function* unzstdByScript(input: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const { Decompress } = await import('fzstd');
  const output: Buffer[] = [];
  const decompressor = new Decompress((chunk) => {
    output.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  });
  const push = (chunk: Uint8Array, isLast: boolean): void => {
    try {
      decompressor.push(chunk, isLast);
    } catch (cause) {
      throw layerRefused('a layer is not valid zstd', cause);
    }
  };
  for await (const chunk of input) {
    for (let offset = 0; offset < chunk.length; offset += SCRIPT_PIECE_BYTES) {
      push(chunk.subarray(offset, offset + SCRIPT_PIECE_BYTES), false);
      yield* output.splice(0);
    }
  }
  push(new Uint8Array(0), true);
  yield* output.splice(0);
}
