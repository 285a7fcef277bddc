import { invalidArgument } from './errors.ts';

/**
 * Options of {@link LoadedJSSandbox.callHandler}. With both limits, the first that is reached ends the call.
 *
 * @example
 * const options: CallHandlerOptions = { wallClockTimeoutMs: 5000, cpuTimeoutMs: 500 };
 */
export interface CallHandlerOptions {
  /** Limit of the time that passes, 1..3600000 ms, from when the call starts to run. @default none */
  readonly wallClockTimeoutMs?: number;
  /** Limit of the engine's processor time, 1..3600000 ms; time in which others have the host's processors is not counted. @default none */
  readonly cpuTimeoutMs?: number;
  /** Collects garbage after the call if it has left more memory in use than the last collection. @default true */
  readonly gc?: boolean;
}

const MAX_TIMEOUT_MS = 3_600_000;
const FLAG_GC = 1;
const FLAG_ASK = 2;
const HEADER_BYTES = 14;
const MAX_NAME_BYTES = 65_535;

export interface CallLimits {
  readonly maxEventBytes: number;
}

/**
 * Encodes a call.
 * @throws {GondolinError} ERR_INVALID_ARG naming the argument.
 */
export function encodeCall(
  name: string,
  event: unknown,
  options: CallHandlerOptions,
  { maxEventBytes }: CallLimits,
): Buffer[] {
  if (typeof name !== 'string' || name === '') throw invalidArgument('handler name: want text');
  const nameBytes = Buffer.from(name);
  if (nameBytes.length > MAX_NAME_BYTES) throw invalidArgument('handler name: too long');
  checkOptions(options);
  const json = Buffer.from(toJson(event));
  if (json.length > maxEventBytes) {
    throw invalidArgument(
      `event: has ${json.length} bytes as JSON, and the input buffer ${maxEventBytes}`,
    );
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(options.gc === false ? 0 : FLAG_GC, 0);
  header.writeUInt32LE(options.wallClockTimeoutMs ?? 0, 4);
  header.writeUInt32LE(options.cpuTimeoutMs ?? 0, 8);
  header.writeUInt16LE(nameBytes.length, 12);
  return [header, nameBytes, json];
}

/** Makes the engine of an encoded call ask when it has used its CPU limit. */
export function askAtCpuLimit([header]: readonly Buffer[]): void {
  header?.writeUInt32LE(header.readUInt32LE(0) | FLAG_ASK, 0);
}

function toJson(event: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(event) as string | undefined;
  } catch (cause) {
    throw invalidArgument(`event: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (json === undefined) throw invalidArgument(`event: a ${typeof event} has no JSON form`);
  return json;
}

function checkOptions(options: CallHandlerOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalidArgument('options: want an object');
  for (const name of ['wallClockTimeoutMs', 'cpuTimeoutMs'] as const) {
    const value = options[name];
    const isTimeout =
      value === undefined || (Number.isInteger(value) && value >= 1 && value <= MAX_TIMEOUT_MS);
    if (!isTimeout) {
      throw invalidArgument(
        `${name}: got ${String(value)}, want a whole number from 1 to ${MAX_TIMEOUT_MS}`,
      );
    }
  }
  if (options.gc !== undefined && typeof options.gc !== 'boolean') {
    throw invalidArgument(`gc: got ${String(options.gc)}, want true or false`);
  }
}
