import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import {
  checkVmlinux,
  KERNEL_MAX_BYTES,
  parseBootImage,
} from '../../../../src/image/kernel/boot-image.ts';

const PAYLOAD = { gzip: '1f8b0800', xz: 'fd377a585a00', zstd: '28b52ffd', lz4: '02214c18' };

interface Fields {
  readonly magic?: string;
  readonly bootFlag?: number;
  readonly version?: number;
  readonly setupSectors?: number;
  readonly payloadOffset?: number;
  readonly payloadLength?: number;
  readonly start?: string;
  readonly sizeBytes?: number;
  readonly fileBytes?: number;
}

function image(fields: Fields = {}): Buffer {
  const setupSectors = fields.setupSectors ?? 2;
  const offset = fields.payloadOffset ?? 64;
  const lengthBytes = fields.payloadLength ?? 32;
  const file = Buffer.alloc(fields.fileBytes ?? 8192);
  file.writeUInt8(setupSectors, 0x1f1);
  file.writeUInt16LE(fields.bootFlag ?? 0xaa55, 0x1fe);
  file.write(fields.magic ?? 'HdrS', 0x202, 'latin1');
  file.writeUInt16LE(fields.version ?? 0x020f, 0x206);
  file.writeUInt32LE(offset, 0x248);
  file.writeUInt32LE(lengthBytes, 0x24c);
  const at = ((setupSectors || 4) + 1) * 512 + offset;
  if (at + lengthBytes <= file.length && lengthBytes >= 16) {
    file.write(fields.start ?? PAYLOAD.xz, at, 'hex');
    file.writeUInt32LE(fields.sizeBytes ?? 1000, at + lengthBytes - 4);
  }
  return file;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (GondolinError.is(error)) return error.code;
    throw error;
  }
  return 'no error';
}

it.each(['xz', 'zstd', 'lz4'] as const)(
  'parseBootImage() leaves out the appended size when the payload is %s',
  (compression) => {
    const payload = parseBootImage(image({ start: PAYLOAD[compression] }));
    expect(payload).toMatchObject({ compression, uncompressedBytes: 1000 });
    expect(payload.data.length).toBe(28);
  },
);

it('parseBootImage() keeps the last bytes when the payload is gzip, whose own end they are', () => {
  const payload = parseBootImage(image({ start: PAYLOAD.gzip }));
  expect(payload).toMatchObject({ compression: 'gzip', uncompressedBytes: 1000 });
  expect(payload.data.length).toBe(32);
});

it('parseBootImage() takes 0 setup sectors as 4', () => {
  const payload = parseBootImage(image({ setupSectors: 0 }));
  expect(payload.data.toString('hex', 0, 6)).toBe(PAYLOAD.xz);
});

it.each([
  ['it is shorter than a header', Buffer.alloc(0x24f)],
  ['the boot flag is wrong', image({ bootFlag: 0x55aa })],
  ['the magic is wrong', image({ magic: 'XdrS' })],
  ['the protocol is older than 2.08', image({ version: 0x0207 })],
  ['the payload ends behind the file', image({ payloadLength: 8192 })],
  ['the payload starts behind the file', image({ payloadOffset: 0xffff_ffff })],
  ['the length overflows 32 bits', image({ payloadLength: 0xffff_ffff })],
  ['the payload is empty', image({ payloadLength: 0 })],
  ['the compression is lzma', image({ start: '5d0000800000' })],
  ['the recorded size is 0', image({ sizeBytes: 0 })],
  ['the recorded size is absurd', image({ sizeBytes: KERNEL_MAX_BYTES + 1 })],
])('parseBootImage() throws IMAGE_KERNEL_INVALID when %s', (_, file) => {
  expect(codeOf(() => parseBootImage(file))).toBe('IMAGE_KERNEL_INVALID');
});

it('parseBootImage() throws nothing but IMAGE_KERNEL_INVALID when header bytes are random', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0x5f, maxLength: 0x5f }), (bytes) => {
      const file = image();
      file.set(bytes.subarray(0, 0x0d), 0x1f1);
      file.set(bytes.subarray(0x0d, 0x0d + 8), 0x248);
      expect(['IMAGE_KERNEL_INVALID', 'no error']).toContain(codeOf(() => parseBootImage(file)));
    }),
  );
});

function elf(changes: (file: Buffer) => void = () => undefined): Buffer {
  const file = Buffer.alloc(64);
  file.write('7f454c460201', 'hex');
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  changes(file);
  return file;
}

it('checkVmlinux() accepts an x86-64 executable', () => {
  expect(codeOf(() => checkVmlinux(elf(), 64))).toBe('no error');
});

it.each([
  ['the length is not the recorded one', elf(), 65],
  ['it is no ELF', Buffer.alloc(64), 64],
  ['it is 32-bit', elf((file) => file.writeUInt8(1, 4)), 64],
  ['it is big-endian', elf((file) => file.writeUInt8(2, 5)), 64],
  ['it is no executable', elf((file) => file.writeUInt16LE(1, 16)), 64],
  ['it is for another machine', elf((file) => file.writeUInt16LE(183, 18)), 64],
])('checkVmlinux() throws IMAGE_KERNEL_INVALID when %s', (_, file, wantedBytes) => {
  expect(codeOf(() => checkVmlinux(file, wantedBytes))).toBe('IMAGE_KERNEL_INVALID');
});
