/** QEMU maps a firmware of this size to the last 64 KiB below 4 GiB. */
const FIRMWARE_BYTES = 0x1_0000;
const FIRMWARE_ADDRESS = 0xffff_0000;

// Offsets in the firmware. An x86 processor fetches its first instruction 16 bytes below 4 GiB.
const REAL_MODE_CODE = 0x0000;
const PROTECTED_MODE_CODE = 0x0040;
const SEGMENT_TABLE = 0x0100;
const SEGMENT_TABLE_POINTER = 0x0120;
const RESET_VECTOR = 0xfff0;

/** Selector of the code segment: the second entry of the segment table. */
const CODE_SELECTOR = 0x08;

/**
 * Turns of the loop. A processor takes 2 ms and TCG 20 ms for them; a KVM that cannot enter the guest and
 * emulates each instruction (seen under nested hypervisors: 2 µs each) takes far more than a second.
 */
const LOOP_COUNT = 4_000_000;

/** isa-debug-exit ends QEMU with (value << 1) | 1. */
const EXIT_VALUE = 0x10;
export const FIRMWARE_EXIT_CODE: number = (EXIT_VALUE << 1) | 1;
export const FIRMWARE_EXIT_PORT = 0xf4;

/**
 * Firmware that enters 32-bit protected mode, counts down LOOP_COUNT and reports through isa-debug-exit.
 * The loop is the point: a few real-mode instructions also come through a KVM whose vCPU never runs. Pure.
 */
export function probeFirmware(): Uint8Array {
  const image = new Uint8Array(FIRMWARE_BYTES);
  image.set(protectedModeEntry(), REAL_MODE_CODE);
  image.set(countDownAndExit(), PROTECTED_MODE_CODE);
  image.set(segmentTable(), SEGMENT_TABLE);
  image.set([15, 0, ...u32(FIRMWARE_ADDRESS + SEGMENT_TABLE)], SEGMENT_TABLE_POINTER);
  // jmp REAL_MODE_CODE; the offset counts from the next instruction and wraps within 64 KiB.
  image.set([0xe9, ...u16(REAL_MODE_CODE - (RESET_VECTOR + 3))], RESET_VECTOR);
  return image;
}

// biome-ignore format: one instruction per line
function protectedModeEntry(): number[] {
  return [
    0xfa,                                                          // cli
    0x2e, 0x66, 0x0f, 0x01, 0x16, ...u16(SEGMENT_TABLE_POINTER),   // lgdt cs:[pointer]
    0x0f, 0x20, 0xc0,                                              // mov eax, cr0
    0x0c, 0x01,                                                    // or al, 1
    0x0f, 0x22, 0xc0,                                              // mov cr0, eax
    0x66, 0xea, ...u32(FIRMWARE_ADDRESS + PROTECTED_MODE_CODE), ...u16(CODE_SELECTOR), // ljmp
  ];
}

// biome-ignore format: one instruction per line
function countDownAndExit(): number[] {
  return [
    0xb9, ...u32(LOOP_COUNT),     // mov ecx, LOOP_COUNT
    0x49,                         // dec ecx
    0x75, 0xfd,                   // jnz to the dec
    0xb0, EXIT_VALUE,             // mov al, EXIT_VALUE
    0xe6, FIRMWARE_EXIT_PORT,     // out FIRMWARE_EXIT_PORT, al
    0xf4,                         // hlt
    0xeb, 0xfd,                   // jmp to the hlt
  ];
}

/** The empty first entry and one flat 4 GiB code segment (present, ring 0, execute and read, 32-bit). */
function segmentTable(): number[] {
  return [...new Array<number>(8).fill(0), 0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0];
}

function u16(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value), ...u16(value >>> 16)];
}
