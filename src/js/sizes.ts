import { invalidArgument } from './errors.ts';

/** Sizes of a sandbox, in bytes. */
export interface SandboxSizes {
  heap: number;
  stack: number;
  scratch: number;
  inputBuffer: number;
  outputBuffer: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** A sandbox has at least these: what is smaller would not hold its own runtime. */
const MIN_SIZES: SandboxSizes = {
  heap: 1 * MIB,
  stack: 64 * KIB,
  scratch: 64 * KIB,
  inputBuffer: 16 * KIB,
  outputBuffer: 16 * KIB,
};

export const DEFAULT_SIZES: SandboxSizes = {
  heap: 16 * MIB,
  stack: 256 * KIB,
  scratch: 1 * MIB,
  inputBuffer: 4 * MIB,
  outputBuffer: 4 * MIB,
};

const MAX_SIZES: SandboxSizes = {
  heap: 4096 * MIB,
  stack: 64 * MIB,
  scratch: 4096 * MIB,
  inputBuffer: 128 * MIB,
  outputBuffer: 128 * MIB,
};

/** Kernel, agent and the processes of snapshots. */
const MACHINE_BYTES = 80 * MIB;
/** Machines of few sizes share their templates. */
const MACHINE_STEP_BYTES = 32 * MIB;

/**
 * Returns the size that a sandbox gets.
 * @throws {GondolinError} ERR_INVALID_ARG for what is no size.
 */
export function checkSandboxSize(name: keyof SandboxSizes, bytes: number): number {
  const isSize = Number.isSafeInteger(bytes) && bytes > 0 && bytes <= MAX_SIZES[name];
  if (!isSize) {
    throw invalidArgument(
      `${name} size: got ${String(bytes)}, want a whole number of bytes from 1 to ${MAX_SIZES[name]}`,
    );
  }
  return Math.max(bytes, MIN_SIZES[name]);
}

/** RAM of a machine that holds the sandbox: an event and a result exist as bytes and as text beside the heap. */
export function machineBytes({
  heap,
  stack,
  scratch,
  inputBuffer,
  outputBuffer,
}: SandboxSizes): number {
  const wanted = MACHINE_BYTES + heap + stack + scratch + 2 * inputBuffer + 2 * outputBuffer;
  return Math.ceil(wanted / MACHINE_STEP_BYTES) * MACHINE_STEP_BYTES;
}
