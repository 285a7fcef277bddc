import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { filterThrough } from '../process/filter-tool.ts';
import { requireBuildTools } from '../process/tool.ts';
import type { BootPayload } from './boot-image.ts';
import { decodeLz4Legacy } from './lz4-legacy.ts';

/** No module comes near. */
const MODULE_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Unpacks the kernel of a bzImage. xz and zstd need the program of that name.
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when the data is damaged, IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED.
 */
export async function decompressPayload(
  payload: BootPayload,
  signal: AbortSignal,
): Promise<Buffer> {
  return decompress(payload.compression, payload.data, payload.uncompressedBytes, signal);
}

/**
 * Bytes of a module file: newer releases compress them (`.ko.xz`, `.ko.zst`, `.ko.gz`). Throws as `decompressPayload`.
 */
export async function decompressModule(
  path: string,
  data: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  if (path.endsWith('.ko.xz')) return decompress('xz', data, MODULE_MAX_BYTES, signal);
  if (path.endsWith('.ko.zst')) return decompress('zstd', data, MODULE_MAX_BYTES, signal);
  if (path.endsWith('.ko.gz')) return decompress('gzip', data, MODULE_MAX_BYTES, signal);
  return data;
}

async function decompress(
  compression: BootPayload['compression'],
  data: Buffer,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (compression === 'xz' || compression === 'zstd') {
    const tools = requireBuildTools([compression], 'unpack the kernel');
    return filterThrough(tools[compression], ['-dc'], { input: data, limitBytes, signal });
  }
  try {
    if (compression === 'lz4') return decodeLz4Legacy(data, limitBytes);
    return await promisify(gunzip)(data, { maxOutputLength: limitBytes });
  } catch (cause) {
    throw new GondolinError(
      'IMAGE_KERNEL_INVALID',
      `Cannot unpack the kernel: the ${compression} data is damaged`,
      {
        cause,
      },
    );
  }
}
