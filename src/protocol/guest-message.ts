import { EXIT_KIND, EXITED_FLAG, LOG, MAX_LOG_BYTES, MAX_STAGE_BYTES } from './constants.ts';
import { guestProtocolError } from './guest-protocol-error.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/**
 * A control message from the guest (docs/protocol.md, "Guest to host"). Texts are unchanged guest text: pass them
 * through `printable` before showing them.
 */
export type GuestMessage =
  | {
      readonly type: 'HELLO';
      readonly version: number;
      readonly agentVersion: string;
      readonly kernelRelease: string;
    }
  /** `body` depends on the request: {@link decodePid}, {@link decodeFileCounts} or empty. */
  | { readonly type: 'OK'; readonly requestId: number; readonly body: Buffer }
  | {
      readonly type: 'FAILED';
      readonly requestId: number;
      readonly errno: number;
      readonly stage: string;
    }
  /** `value` is an exit code 0..255 or a signal number 1..64. */
  | {
      readonly type: 'EXITED';
      readonly requestId: number;
      readonly kind: keyof typeof EXIT_KIND;
      readonly value: number;
      /** The guest's kernel killed a process of the exec because memory ran out. */
      readonly isOutOfMemory: boolean;
    }
  | { readonly type: 'LOG'; readonly level: keyof typeof LOG; readonly text: string };

const MAX_EXIT_CODE = 255;
const MAX_SIGNAL = 64;
const PID_BYTES = 4;
const FROZEN_BYTES = 20;
const MAX_PID = 2 ** 31 - 1;

/** Returns the bytes of a `MESSAGE` payload. Used by the tests' fake guest; the guest's own encoder is in C. */
export function encodeGuestMessage(message: GuestMessage): Buffer {
  const writer = new MessageWriter(message.type, 'requestId' in message ? message.requestId : 0);
  switch (message.type) {
    case 'HELLO':
      writer.u32(message.version).string('agent version', message.agentVersion);
      writer.string('kernel release', message.kernelRelease);
      break;
    case 'OK':
      writer.raw(message.body);
      break;
    case 'FAILED':
      writer.u32(message.errno).string('stage', message.stage);
      break;
    case 'EXITED':
      writer.u8(EXIT_KIND[message.kind]);
      writer.u8(message.isOutOfMemory ? EXITED_FLAG.OUT_OF_MEMORY : 0).u16(message.value);
      break;
    case 'LOG':
      writer.u8(LOG[message.level]).string('text', message.text);
      break;
  }
  return writer.finish();
}

/**
 * Decodes one untrusted `MESSAGE` payload.
 * @throws {GondolinError} GUEST_PROTOCOL when it is not a message that a guest may send, or is malformed or too long.
 */
export function decodeGuestMessage(payload: Buffer): GuestMessage {
  const reader = new MessageReader(payload);
  const message = readBody(reader);
  reader.finish();
  const isReply = 'requestId' in message;
  if (isReply !== (reader.requestId !== 0)) {
    throw reader.broken(isReply ? 'a request id' : 'request id 0', undefined, reader.requestId);
  }
  return message;
}

function readBody(reader: MessageReader): GuestMessage {
  const { requestId } = reader;
  switch (reader.type) {
    case 'HELLO':
      return {
        type: 'HELLO',
        version: reader.u32(),
        agentVersion: reader.string(),
        kernelRelease: reader.string(),
      };
    case 'OK':
      return { type: 'OK', requestId, body: reader.rest() };
    case 'FAILED':
      return {
        type: 'FAILED',
        requestId,
        errno: reader.u32(),
        stage: reader.string(MAX_STAGE_BYTES),
      };
    case 'EXITED':
      return readExited(reader);
    case 'LOG':
      return {
        type: 'LOG',
        level: reader.choice(LOG, reader.u8()),
        text: reader.string(MAX_LOG_BYTES),
      };
    case 'ROOT':
    case 'IDENTITY':
    case 'MOUNT':
    case 'SEAL':
    case 'EXEC':
    case 'KILL':
    case 'PING':
    case 'SHUTDOWN':
    case 'FREEZE':
    case 'THAW':
    case 'NETWORK':
    case 'FILE':
    case 'RESIZE':
    case 'FILES':
      throw reader.broken('a message that a guest may send');
  }
}

function readExited(reader: MessageReader): GuestMessage {
  const kind = reader.choice(EXIT_KIND, reader.u8());
  const flags = reader.u8();
  if (flags > EXITED_FLAG.OUT_OF_MEMORY) {
    throw reader.broken('flags that EXITED has', EXITED_FLAG.OUT_OF_MEMORY, flags);
  }
  const value = reader.u16();
  const [min, max] = kind === 'CODE' ? [0, MAX_EXIT_CODE] : [1, MAX_SIGNAL];
  if (value < min || value > max)
    throw reader.broken('an exit code or signal Linux has', max, value);
  const isOutOfMemory = flags === EXITED_FLAG.OUT_OF_MEMORY;
  return { type: 'EXITED', requestId: reader.requestId, kind, value, isOutOfMemory };
}

/**
 * Decodes the untrusted body of an `EXEC`'s `OK`: the process id, 1..2147483647.
 * @throws {GondolinError} GUEST_PROTOCOL when it is anything else.
 */
export function decodePid(body: Buffer): number {
  if (body.length !== PID_BYTES) {
    throw guestProtocolError('a process id', { subject: 'OK', limit: PID_BYTES, got: body.length });
  }
  const pid = body.readUInt32LE();
  if (pid >= 1 && pid <= MAX_PID) return pid;
  throw guestProtocolError('a process id', { subject: 'OK', limit: MAX_PID, got: pid });
}

/** The report of a frozen guest. */
export interface Frozen {
  /** Bytes of the file channel that it has sent. */
  readonly sentBytes: bigint;
  /** Bytes of the host's on the file channel that its kernel has received. */
  readonly receivedBytes: bigint;
  /** Rate of the processor's counter as its kernel measured it at its boot; 0 where it measured none. */
  readonly counterKhz: number;
}

/**
 * Decodes the untrusted body of a `FREEZE`'s `OK`.
 * @throws {GondolinError} GUEST_PROTOCOL when it has another length.
 */
export function decodeFrozen(body: Buffer): Frozen {
  if (body.length !== FROZEN_BYTES) {
    const facts = { subject: 'OK', limit: FROZEN_BYTES, got: body.length };
    throw guestProtocolError('two byte counts and a rate', facts);
  }
  return {
    sentBytes: body.readBigUInt64LE(0),
    receivedBytes: body.readBigUInt64LE(8),
    counterKhz: body.readUInt32LE(16),
  };
}

/**
 * Checks that the untrusted body of any other request's `OK` is empty.
 * @throws {GondolinError} GUEST_PROTOCOL when it is not empty.
 */
export function checkEmptyBody(body: Buffer): void {
  if (body.length === 0) return;
  throw guestProtocolError('no trailing bytes', { subject: 'OK', limit: 0, got: body.length });
}
