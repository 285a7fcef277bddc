import {
  FILE_FLAG,
  KILL_SCOPE,
  MAX_ENTROPY_BYTES,
  MAX_FILE_BYTES,
  MAX_HOSTNAME_BYTES,
  MAX_ID_BYTES,
  MOUNT_FLAG,
  MOUNT_KIND,
  ROOT_MODE,
  THAW_FLAG,
} from './constants.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** Values that make a copy of a guest a machine of its own. An empty text or 0 leaves the guest's value. */
export interface CloneIdentity {
  /** Nanoseconds since 1970; 0 leaves the clock. */
  readonly realtimeNs: bigint;
  /** At most 64 bytes. */
  readonly hostname: string;
  /** The line of /etc/machine-id, at most 64 bytes. */
  readonly machineId: string;
  /** The line of /proc/sys/kernel/random/boot_id, at most 64 bytes. */
  readonly bootId: string;
  /** Credited to the kernel's random number generator, at most 512 bytes. */
  readonly entropy: Uint8Array;
}

/** Size of a terminal in characters, each 1..65535. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A request of the host (docs/protocol.md, "Host to guest"), without its id. */
export type HostRequest =
  | {
      readonly type: 'ROOT';
      readonly device: string;
      readonly fsType: string;
      readonly mode: keyof typeof ROOT_MODE;
    }
  | ({ readonly type: 'IDENTITY' } & CloneIdentity)
  | ({ readonly type: 'THAW'; readonly isNewSession: boolean } & CloneIdentity)
  | {
      readonly type: 'MOUNT';
      readonly kind: keyof typeof MOUNT_KIND;
      readonly isReadonly: boolean;
      readonly source: string;
      readonly target: string;
      readonly sizeBytes: bigint;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: 'SEAL' | 'PING' | 'SHUTDOWN' | 'FREEZE' | 'NETWORK' }
  | {
      readonly type: 'FILE';
      /** Absolute. */
      readonly path: string;
      readonly isAppended: boolean;
      /** If true, an existing file stays as it is. */
      readonly isKept: boolean;
      /** If true, every JVM in the guest reads it as its trust store. */
      readonly isJavaStore: boolean;
      /** Permission bits, 0..0o7777. */
      readonly mode: number;
      /** At most MAX_FILE_BYTES. */
      readonly content: Uint8Array;
    }
  | {
      readonly type: 'EXEC';
      /** Stream ids; 0 is /dev/null. */
      readonly stdin: number;
      readonly stdout: number;
      readonly stderr: number;
      readonly user: string;
      readonly cwd: string;
      readonly argv: readonly string[];
      /** Each `NAME=value`. */
      readonly env: readonly string[];
      /** The size of its terminal; null without one. */
      readonly terminal: TerminalSize | null;
    }
  | ({ readonly type: 'RESIZE'; readonly execId: number } & TerminalSize)
  | {
      readonly type: 'FILES';
      /** Stream ids of its requests and replies. */
      readonly stdin: number;
      readonly stdout: number;
      readonly user: string;
    }
  | {
      readonly type: 'KILL';
      readonly execId: number;
      readonly signal: number;
      readonly scope: keyof typeof KILL_SCOPE;
    };

/**
 * Returns the bytes of a `MESSAGE` payload.
 * @param requestId  1..4294967295, rising.
 * @throws {GondolinError} PROTOCOL_TEXT_HAS_NUL when a text contains NUL.
 */
export function encodeHostMessage(requestId: number, request: HostRequest): Buffer {
  const writer = new MessageWriter(request.type, requestId);
  switch (request.type) {
    case 'ROOT':
      writer.string('device', request.device).string('filesystem type', request.fsType);
      writer.u8(ROOT_MODE[request.mode]);
      break;
    case 'IDENTITY':
      writeIdentity(writer, request);
      break;
    case 'THAW':
      writer.u8(request.isNewSession ? THAW_FLAG.NEW_SESSION : 0);
      writeIdentity(writer, request);
      break;
    case 'MOUNT':
      writer.u8(MOUNT_KIND[request.kind]).u8(request.isReadonly ? MOUNT_FLAG.READONLY : 0);
      writer.string('source', request.source).string('target', request.target);
      writer.u64(request.sizeBytes).u32(request.mode).u32(request.uid).u32(request.gid);
      break;
    case 'EXEC':
      writer.u32(request.stdin).u32(request.stdout).u32(request.stderr);
      writer.string('user', request.user).string('cwd', request.cwd);
      writer.list('argv', request.argv).list('env', request.env);
      writer.u8(request.terminal === null ? 0 : 1);
      writer.u16(request.terminal?.rows ?? 0).u16(request.terminal?.columns ?? 0);
      break;
    case 'RESIZE':
      writer.u32(request.execId).u16(request.rows).u16(request.columns);
      break;
    case 'FILES':
      writer.u32(request.stdin).u32(request.stdout).string('user', request.user);
      break;
    case 'KILL':
      writer.u32(request.execId).u32(request.signal).u8(KILL_SCOPE[request.scope]);
      break;
    case 'NETWORK':
      // Flags: none are defined yet.
      writer.u8(0);
      break;
    case 'FILE':
      writer.string('path', request.path).u8(fileFlags(request));
      writer.u32(request.mode).bytes(request.content);
      break;
    case 'SEAL':
    case 'PING':
    case 'SHUTDOWN':
    case 'FREEZE':
      break;
  }
  return writer.finish();
}

function writeIdentity(writer: MessageWriter, identity: CloneIdentity): void {
  writer.u64(identity.realtimeNs).string('hostname', identity.hostname);
  writer.string('machine id', identity.machineId).string('boot id', identity.bootId);
  writer.bytes(identity.entropy);
}

/**
 * Decodes a `MESSAGE` payload from {@link encodeHostMessage}. Used by the tests' fake guest.
 * @throws {GondolinError} GUEST_PROTOCOL when the payload is not a request or is malformed.
 */
export function decodeHostMessage(payload: Buffer): {
  readonly requestId: number;
  readonly request: HostRequest;
} {
  const reader = new MessageReader(payload);
  const request = readBody(reader);
  reader.finish();
  return { requestId: reader.requestId, request };
}

function readBody(reader: MessageReader): HostRequest {
  const { type } = reader;
  switch (type) {
    case 'ROOT':
      return {
        type,
        device: reader.string(),
        fsType: reader.string(),
        mode: reader.choice(ROOT_MODE, reader.u8()),
      };
    case 'IDENTITY':
      return { type, ...readIdentity(reader) };
    case 'THAW': {
      const flags = readFlags(reader, THAW_FLAG.NEW_SESSION);
      return { type, isNewSession: flags === THAW_FLAG.NEW_SESSION, ...readIdentity(reader) };
    }
    case 'MOUNT':
      return readMount(reader);
    case 'EXEC':
      return readExec(reader);
    case 'FILES':
      return { type, stdin: reader.u32(), stdout: reader.u32(), user: reader.string() };
    case 'KILL':
      return {
        type,
        execId: reader.u32(),
        signal: reader.u32(),
        scope: reader.choice(KILL_SCOPE, reader.u8()),
      };
    case 'RESIZE':
      return { type, execId: reader.u32(), ...readTerminalSize(reader) };
    case 'NETWORK':
      readFlags(reader, 0);
      return { type };
    case 'FILE':
      return readFile(reader);
    case 'SEAL':
    case 'PING':
    case 'SHUTDOWN':
    case 'FREEZE':
      return { type };
    case 'HELLO':
    case 'OK':
    case 'FAILED':
    case 'EXITED':
    case 'LOG':
      throw reader.broken('a message that a host may send');
  }
}

type FileRequest = Extract<HostRequest, { type: 'FILE' }>;

function fileFlags({ isAppended, isKept, isJavaStore }: FileRequest): number {
  return (
    (isAppended ? FILE_FLAG.APPEND : 0) |
    (isKept ? FILE_FLAG.KEEP : 0) |
    (isJavaStore ? FILE_FLAG.JAVA_STORE : 0)
  );
}

function readFile(reader: MessageReader): FileRequest {
  const path = reader.string();
  const flags = readFlags(reader, FILE_FLAG.APPEND | FILE_FLAG.KEEP | FILE_FLAG.JAVA_STORE);
  return {
    type: 'FILE',
    path,
    isAppended: (flags & FILE_FLAG.APPEND) !== 0,
    isKept: (flags & FILE_FLAG.KEEP) !== 0,
    isJavaStore: (flags & FILE_FLAG.JAVA_STORE) !== 0,
    mode: reader.u32(),
    content: new Uint8Array(reader.bytes(MAX_FILE_BYTES)),
  };
}

function readFlags(reader: MessageReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw reader.broken('known flags', known, flags);
  return flags;
}

function readIdentity(reader: MessageReader): CloneIdentity {
  return {
    realtimeNs: reader.u64(),
    hostname: reader.string(MAX_HOSTNAME_BYTES),
    machineId: reader.string(MAX_ID_BYTES),
    bootId: reader.string(MAX_ID_BYTES),
    entropy: new Uint8Array(reader.bytes(MAX_ENTROPY_BYTES)),
  };
}

function readMount(reader: MessageReader): HostRequest {
  const kind = reader.choice(MOUNT_KIND, reader.u8());
  const flags = readFlags(reader, MOUNT_FLAG.READONLY);
  return {
    type: 'MOUNT',
    kind,
    isReadonly: flags === MOUNT_FLAG.READONLY,
    source: reader.string(),
    target: reader.string(),
    sizeBytes: reader.u64(),
    mode: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
  };
}

function readExec(reader: MessageReader): HostRequest {
  return {
    type: 'EXEC',
    stdin: reader.u32(),
    stdout: reader.u32(),
    stderr: reader.u32(),
    user: reader.string(),
    cwd: reader.string(),
    argv: reader.list(),
    env: reader.list(),
    terminal: readTerminal(reader),
  };
}

function readTerminal(reader: MessageReader): TerminalSize | null {
  const flag = reader.u8();
  if (flag === 1) return readTerminalSize(reader);
  const isEmpty = flag === 0 && reader.u16() === 0 && reader.u16() === 0;
  if (!isEmpty) throw reader.broken('a terminal of 1, or no size');
  return null;
}

function readTerminalSize(reader: MessageReader): TerminalSize {
  const size = { rows: reader.u16(), columns: reader.u16() };
  if (size.rows === 0 || size.columns === 0) throw reader.broken('a size above 0');
  return size;
}
