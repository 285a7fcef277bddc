import { GondolinError } from '../../errors/gondolin-error.ts';
import { KERNEL_MAX_BYTES } from './boot-image.ts';
import { decompressModule } from './decompress.ts';

const HEADER_BYTES = 64;
const MAGIC_OFFSET = 56;
const MAGIC = 'ARM\x64';
const GZIP_MAGIC = 0x1f8b;

/**
 * Unpacks the kernel of an arm64 package: an Image, which QEMU starts as it is, or a compressed one.
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID.
 * @see Documentation/arch/arm64/booting.rst
 */
export async function unpackArmImage(packed: Buffer, signal: AbortSignal): Promise<Buffer> {
  const isGzip = packed.length > 2 && packed.readUInt16BE(0) === GZIP_MAGIC;
  const image = isGzip ? await decompressModule('vmlinuz.ko.gz', packed, signal) : packed;
  const isImage =
    image.length > HEADER_BYTES &&
    image.length <= KERNEL_MAX_BYTES &&
    image.toString('latin1', MAGIC_OFFSET, MAGIC_OFFSET + MAGIC.length) === MAGIC;
  if (isImage) return image;
  throw new GondolinError(
    'IMAGE_KERNEL_INVALID',
    'Cannot use the kernel package: its /boot/vmlinuz-* is no Image for arm64',
  );
}
