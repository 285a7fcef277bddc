/*
 * The numbers of the wire (docs/protocol.md), the same as in `guest/protocol.h`; `test/house/protocol.test.ts` compares
 * the three. A table is named like its macros: `FRAME.DATA` is `GONDOLIN_FRAME_DATA`.
 */

/** First field of `HELLO`: the version of docs/protocol.md that both sides speak. */
export const PROTOCOL_VERSION = 5;

/** Length of the header before each frame's payload, in bytes. */
export const FRAME_HEADER_BYTES = 12;

/** Longest payload that the guest may send in one frame, in bytes. */
export const MAX_GUEST_PAYLOAD_BYTES = 65_536;

/** Longest payload that the host may send in one frame, in bytes: room for a long argv and env. */
export const MAX_HOST_PAYLOAD_BYTES = 4_194_304;

/** Longest `DATA` payload in either direction, in bytes. */
export const MAX_DATA_BYTES = 65_536;

/** Bytes that each direction of a new stream may send before the first `CREDIT`; also the largest window. */
export const INITIAL_WINDOW_BYTES = 262_144;

/** Most streams that one side may have open at once. */
export const MAX_OPEN_STREAMS = 1_024;

/** Longest `OPEN` payload, in bytes: the kind and its data. */
export const MAX_OPEN_PAYLOAD_BYTES = 64;

/** Length of the type, the reserved field and the request id before each message's body, in bytes. */
export const MESSAGE_HEADER_BYTES = 8;

/** In `EXEC`, as stdin and stdout: the port of the file channel itself. */
export const STREAM_FILE_PORT = 4_294_967_295;

/** Longest entropy of one `IDENTITY`, in bytes. */
export const MAX_ENTROPY_BYTES = 512;

/** Longest stage of a `FAILED`, in bytes. */
export const MAX_STAGE_BYTES = 4_096;

/** Longest text of a `LOG`, in bytes. */
export const MAX_LOG_BYTES = 1_024;

/** Longest host name of an `IDENTITY`, in bytes. Source: `__NEW_UTS_LEN`, linux/utsname.h. */
export const MAX_HOSTNAME_BYTES = 64;

/** Longest machine id and boot id of an `IDENTITY`, in bytes: a UUID has 36. */
export const MAX_ID_BYTES = 64;

/** Most items of one list (argv, env). */
export const MAX_LIST_ITEMS = 65_536;

/** Most bytes of one `FILE`. */
export const MAX_FILE_BYTES = 2_097_152;

/** Length of family, port and address after the kind in the `OPEN` of a TCP or CONNECT stream, in bytes. */
export const TCP_DESTINATION_BYTES = 19;

/** Families of a destination. ANY: any address of the guest, for CONNECT only. */
export const TCP_FAMILY = { ANY: 0, V4: 4, V6: 6 } as const;

/** Most TCP streams that the guest has open at once; further connections wait in its backlog. */
export const MAX_TCP_STREAMS = 900;

/** Length and tag before each message on a DNS stream, in bytes. */
export const DNS_HEADER_BYTES = 6;

/** Bounds of a message on a DNS stream, in bytes: at least a DNS header. */
export const DNS_MIN_MESSAGE_BYTES = 12;
export const DNS_MAX_MESSAGE_BYTES = 4_096;

/** Shortest message of the file channel, in bytes: a reply's header. */
export const MIN_FUSE_MESSAGE_BYTES = 16;

/** Longest message of the file channel, in bytes: 1 MiB of data and 64 KiB of headers. */
export const MAX_FUSE_MESSAGE_BYTES = 1_114_112;

/** In place of a reply's error: its data is on the reply disk, in the slot that follows. */
export const REPLY_ON_DISK = 1001;
/** Size of one slot of the reply disk. */
export const REPLY_SLOT_BYTES = 1_048_576;
/** A notification for the agent: the state of a file after a WRITE (docs/protocol.md, "File channel"). */
export const NOTIFY_WRITTEN = 1002;
/** Most content in it. */
export const MAX_WRITTEN_BYTES = 16_384;
/** A notification for the agent: the data of a new file may wait there until it is closed. */
export const NOTIFY_NEW_FILE = 1004;
/** A notification for the agent: whether a directory has no names but those that the guest has made in it. */
export const NOTIFY_WHOLE = 1003;
/** Bit of a RELEASE's `release_flags`: the agent has given the kernel the reply itself. */
export const RELEASE_ANSWERED = 0x8000_0000;

/** Code of a notification for the agent, not the kernel: an edit of the host, which the agent repeats. */
export const NOTIFY_EDIT = 1000;
export const MAX_EDIT_PATH_BYTES = 4_095;

/** The uid of the agent's requests that repeat an edit; their gid is the edit's token. */
export const EDITOR_UID = 4_294_967_040;

/** Actions of an edit. */
export const EDIT = {
  MAKE_FILE: 1,
  MAKE_DIRECTORY: 2,
  MAKE_LINK: 3,
  WRITE: 4,
  ATTRIBUTES: 5,
  REMOVE_FILE: 6,
  REMOVE_DIRECTORY: 7,
  RENAME: 8,
} as const;

/** Frame types. ACCEPT: sent by the receiver of a TCP or CONNECT stream. */
export const FRAME = {
  MESSAGE: 1,
  OPEN: 2,
  DATA: 3,
  EOF: 4,
  RESET: 5,
  CREDIT: 6,
  ACCEPT: 7,
} as const;

/** Kinds of stream an `OPEN` may name. The host opens STDIO and CONNECT, the guest TCP and DNS. */
export const STREAM_KIND = { STDIO: 1, TCP: 2, DNS: 3, CONNECT: 4 } as const;

/**
 * Reasons of a `RESET`. PEER_CLOSED: the process closed its stdin. REFUSED: no such kind, a limit, or a connection that is
 * refused. The later ones are sent for a TCP or CONNECT stream before its ACCEPT: they are the outcome of the connect().
 */
export const RESET = {
  CANCELLED: 1,
  PEER_CLOSED: 2,
  REFUSED: 3,
  TIMED_OUT: 4,
  HOST_UNREACHABLE: 5,
  NETWORK_UNREACHABLE: 6,
} as const;

/** Control message types; those of the guest have the top bit set. */
export const MESSAGE = {
  ROOT: 0x0001,
  IDENTITY: 0x0002,
  MOUNT: 0x0003,
  SEAL: 0x0004,
  EXEC: 0x0005,
  KILL: 0x0006,
  PING: 0x0007,
  SHUTDOWN: 0x0008,
  FREEZE: 0x0009,
  THAW: 0x000a,
  NETWORK: 0x000b,
  FILE: 0x000c,
  RESIZE: 0x000d,
  FILES: 0x000e,
  HELLO: 0x8001,
  OK: 0x8002,
  FAILED: 0x8003,
  EXITED: 0x8004,
  LOG: 0x8005,
} as const;

/** Kinds of root file system. MEMORY: an overlay whose upper layer is lost at the end. */
export const ROOT_MODE = { MEMORY: 1, DISK: 2 } as const;

/** Kinds of `MOUNT`. HOST: a name under the FUSE root. TMPFS: memory of the guest. DISK: a block device's serial number. */
export const MOUNT_KIND = { HOST: 1, TMPFS: 2, DISK: 3 } as const;

/** Bits of a `MOUNT`'s flags. */
export const MOUNT_FLAG = { READONLY: 1 } as const;

/** Bits of a `THAW`'s flags. NEW_SESSION: the machine was restored, and a new host speaks. */
export const THAW_FLAG = { NEW_SESSION: 1 } as const;

/** Bits of a `FILE`'s flags. KEEP: an existing file stays as it is. JAVA_STORE: the file is the Java trust store. */
export const FILE_FLAG = { APPEND: 1, KEEP: 2, JAVA_STORE: 4 } as const;

/** Processes that a `KILL` signals. TREE: every process of the exec, including daemonised ones. */
export const KILL_SCOPE = { PROCESS: 0, GROUP: 1, TREE: 2 } as const;

/** Kinds of exit in `EXITED`. */
export const EXIT_KIND = { CODE: 0, SIGNAL: 1 } as const;

/** Bits of an `EXITED`'s flags. OUT_OF_MEMORY: the kernel killed a process of the exec because memory ran out. */
export const EXITED_FLAG = { OUT_OF_MEMORY: 1 } as const;

/** Levels of a `LOG`, those of syslog(3). */
export const LOG = { ERROR: 3, WARNING: 4, INFO: 6 } as const;

/** Length of a files request's length, id and operation, and of a reply's length, id and errno, in bytes. */
export const FILES_REQUEST_HEADER_BYTES = 9;
export const FILES_REPLY_HEADER_BYTES = 12;

/** Length of the attributes of one file, in bytes. */
export const FILES_ATTRIBUTES_BYTES = 88;

/** Most bytes that one `READ` or `WRITE` of the files process carries. */
export const MAX_FILES_DATA_BYTES = 262_144;

/** Largest length field of a files request or reply: a `WRITE`, or two paths. */
export const MAX_FILES_FRAME_BYTES = 270_336;

/** Longest path, in bytes. Source: `PATH_MAX` without its NUL, linux/limits.h. */
export const MAX_FILES_PATH_BYTES = 4_095;

/** Longest name of a directory entry, in bytes. Source: `NAME_MAX`, linux/limits.h. */
export const MAX_FILES_NAME_BYTES = 255;

/** Most files that one files process has open; a handle is a number below it. */
export const MAX_FILES_HANDLES = 1_024;

/** Operations of the files process (docs/protocol.md, "Guest files"). */
export const FILES_OPERATION = {
  OPEN: 1,
  CLOSE: 2,
  READ: 3,
  WRITE: 4,
  SYNC: 5,
  STAT: 6,
  SET: 7,
  LIST: 8,
  MKDIR: 9,
  REMOVE: 10,
  RENAME: 11,
  LINK: 12,
  SYMLINK: 13,
  READLINK: 14,
  REALPATH: 15,
  STATVFS: 16,
  ACCESS: 17,
  XATTRS: 18,
} as const;

/** Bits of an `OPEN`'s flags. */
export const FILES_OPEN = {
  READ: 1,
  WRITE: 2,
  APPEND: 4,
  CREATE: 8,
  EXCLUSIVE: 16,
  TRUNCATE: 32,
  NOFOLLOW: 64,
  DIRECTORY: 128,
} as const;

/** Kinds of target of `STAT` and `SET`. LINK: a path whose last symbolic link is not followed. */
export const FILES_TARGET = { PATH: 0, LINK: 1, HANDLE: 2 } as const;

/** Bits of a `SET`: the attributes that it changes. */
export const FILES_SET = { MODE: 1, OWNER: 2, SIZE: 4, ATIME: 8, MTIME: 16 } as const;

/** Bits of a `LIST`'s flags. */
export const FILES_LIST = { ATTRIBUTES: 1 } as const;

/** Bits of a `MKDIR`'s flags. */
export const FILES_MKDIR = { PARENTS: 1 } as const;

/** Kinds of `REMOVE`. */
export const FILES_REMOVE = { FILE: 0, DIRECTORY: 1, TREE: 2 } as const;
