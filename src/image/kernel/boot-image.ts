import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * The compressed kernel inside an x86 bzImage.
 * Source: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" (protocol 2.08 brought the payload fields).
 */
export interface BootPayload {
  readonly compression: 'gzip' | 'xz' | 'zstd' | 'lz4';
  /** The compressed bytes alone, without the size the kernel build appends. A view, not a copy. */
  readonly data: Buffer;
  /** Length of the uncompressed ELF in bytes, as the build recorded it: 1..KERNEL_MAX_BYTES. */
  readonly uncompressedBytes: number;
}

/** No distribution kernel comes near; a larger recorded size is a broken file. */
export const KERNEL_MAX_BYTES = 256 * 1024 * 1024;

const SETUP_SECTS_OFFSET = 0x1f1;
const BOOT_FLAG_OFFSET = 0x1fe;
const MAGIC_OFFSET = 0x202;
const VERSION_OFFSET = 0x206;
const PAYLOAD_OFFSET_OFFSET = 0x248;
const PAYLOAD_LENGTH_OFFSET = 0x24c;
const HEADER_END = 0x250;
const SECTOR_BYTES = 512;
const FIRST_VERSION_WITH_PAYLOAD = 0x0208;

const COMPRESSIONS = [
  { compression: 'gzip', magic: '1f8b', isSizeAppended: false },
  { compression: 'xz', magic: 'fd377a585a00', isSizeAppended: true },
  { compression: 'zstd', magic: '28b52ffd', isSizeAppended: true },
  { compression: 'lz4', magic: '02214c18', isSizeAppended: true },
] as const;

/**
 * Finds the payload of a bzImage.
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when the file is not a bzImage, its numbers point outside the file, or
 * its compression is not known.
 */
export function parseBootImage(image: Buffer): BootPayload {
  assert(
    image.length >= HEADER_END,
    `the file has ${image.length} bytes, less than a setup header`,
  );
  assert(image.readUInt16LE(BOOT_FLAG_OFFSET) === 0xaa55, 'the boot flag 0xAA55 is missing');
  assert(
    image.toString('latin1', MAGIC_OFFSET, MAGIC_OFFSET + 4) === 'HdrS',
    'the magic "HdrS" is missing',
  );
  const version = image.readUInt16LE(VERSION_OFFSET);
  assert(
    version >= FIRST_VERSION_WITH_PAYLOAD,
    `boot protocol ${version >> 8}.${version & 0xff} does not say where the payload is: 2.8 or newer is needed`,
  );
  // 0 means 4, for loaders of the 1990s.
  const setupSectors = image.readUInt8(SETUP_SECTS_OFFSET) || 4;
  const start = (setupSectors + 1) * SECTOR_BYTES + image.readUInt32LE(PAYLOAD_OFFSET_OFFSET);
  const lengthBytes = image.readUInt32LE(PAYLOAD_LENGTH_OFFSET);
  assert(
    lengthBytes >= 16 && start + lengthBytes <= image.length,
    `the payload (${lengthBytes} bytes at ${start}) is outside the file of ${image.length} bytes`,
  );
  return describePayload(image.subarray(start, start + lengthBytes));
}

function describePayload(payload: Buffer): BootPayload {
  const found = COMPRESSIONS.find(
    ({ magic }) => payload.toString('hex', 0, magic.length / 2) === magic,
  );
  if (found === undefined) {
    throw invalid(
      `the payload's compression is not known: it starts with ${payload.toString('hex', 0, 6)}`,
    );
  }
  // gzip ends with the size itself; for the others the kernel's build appends it in the same form.
  const uncompressedBytes = payload.readUInt32LE(payload.length - 4);
  assert(
    uncompressedBytes >= 1 && uncompressedBytes <= KERNEL_MAX_BYTES,
    `the recorded size of ${uncompressedBytes} bytes is outside 1..${KERNEL_MAX_BYTES}`,
  );
  const data = found.isSizeAppended ? payload.subarray(0, -4) : payload;
  return { compression: found.compression, data, uncompressedBytes };
}

/**
 * Checks that the bytes are what QEMU's PVH loader takes: a 64-bit little-endian x86-64 executable.
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID otherwise.
 */
export function checkVmlinux(vmlinux: Buffer, wantedBytes: number): void {
  assert(
    vmlinux.length === wantedBytes,
    `unpacking gave ${vmlinux.length} bytes where the header says ${wantedBytes}`,
  );
  assert(
    vmlinux.length >= 64 && vmlinux.toString('hex', 0, 6) === '7f454c460201',
    'the unpacked kernel is not a 64-bit little-endian ELF',
  );
  // e_type 2 = ET_EXEC, e_machine 62 = EM_X86_64 (ELF-64 object file format, figure 2 and table 4).
  assert(
    vmlinux.readUInt16LE(16) === 2 && vmlinux.readUInt16LE(18) === 62,
    'the unpacked kernel is not an x86-64 executable',
  );
}

function assert(isTrue: boolean, problem: string): asserts isTrue {
  if (!isTrue) throw invalid(problem);
}

function invalid(problem: string): GondolinError {
  return new GondolinError('IMAGE_KERNEL_INVALID', `Cannot read the kernel: ${problem}`);
}
