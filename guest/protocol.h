/*
 * The numbers of docs/protocol.md. One constant a line, integer literals only: test/house/protocol.test.ts compares
 * them with src/protocol/constants.ts. All integers on the wire are little-endian.
 */
#ifndef GONDOLIN_PROTOCOL_H
#define GONDOLIN_PROTOCOL_H

#define GONDOLIN_PROTOCOL_VERSION 5

/* Frame: u32 payload length, u8 type, u8 flags, u16 reserved, u32 stream id. Sizes in bytes. */
#define GONDOLIN_FRAME_HEADER_BYTES 12
#define GONDOLIN_MAX_GUEST_PAYLOAD_BYTES 65536
#define GONDOLIN_MAX_HOST_PAYLOAD_BYTES 4194304
#define GONDOLIN_MAX_DATA_BYTES 65536
#define GONDOLIN_INITIAL_WINDOW_BYTES 262144
#define GONDOLIN_MAX_OPEN_STREAMS 1024
#define GONDOLIN_MAX_OPEN_PAYLOAD_BYTES 64

#define GONDOLIN_FRAME_MESSAGE 1
#define GONDOLIN_FRAME_OPEN 2
#define GONDOLIN_FRAME_DATA 3
#define GONDOLIN_FRAME_EOF 4
#define GONDOLIN_FRAME_RESET 5
#define GONDOLIN_FRAME_CREDIT 6
#define GONDOLIN_FRAME_ACCEPT 7

/* In EXEC, as stdin and stdout: the port of the file channel itself. */
#define GONDOLIN_STREAM_FILE_PORT 4294967295

#define GONDOLIN_STREAM_KIND_STDIO 1
#define GONDOLIN_STREAM_KIND_TCP 2
#define GONDOLIN_STREAM_KIND_DNS 3
#define GONDOLIN_STREAM_KIND_CONNECT 4

#define GONDOLIN_RESET_CANCELLED 1
#define GONDOLIN_RESET_PEER_CLOSED 2
#define GONDOLIN_RESET_REFUSED 3
#define GONDOLIN_RESET_TIMED_OUT 4
#define GONDOLIN_RESET_HOST_UNREACHABLE 5
#define GONDOLIN_RESET_NETWORK_UNREACHABLE 6

/* Control message: u16 type, u16 reserved, u32 request id, body. */
#define GONDOLIN_MESSAGE_HEADER_BYTES 8

#define GONDOLIN_MESSAGE_ROOT 0x0001
#define GONDOLIN_MESSAGE_IDENTITY 0x0002
#define GONDOLIN_MESSAGE_MOUNT 0x0003
#define GONDOLIN_MESSAGE_SEAL 0x0004
#define GONDOLIN_MESSAGE_EXEC 0x0005
#define GONDOLIN_MESSAGE_KILL 0x0006
#define GONDOLIN_MESSAGE_PING 0x0007
#define GONDOLIN_MESSAGE_SHUTDOWN 0x0008
#define GONDOLIN_MESSAGE_FREEZE 0x0009
#define GONDOLIN_MESSAGE_THAW 0x000a
#define GONDOLIN_MESSAGE_NETWORK 0x000b
#define GONDOLIN_MESSAGE_FILE 0x000c
#define GONDOLIN_MESSAGE_RESIZE 0x000d
#define GONDOLIN_MESSAGE_FILES 0x000e

#define GONDOLIN_MESSAGE_HELLO 0x8001
#define GONDOLIN_MESSAGE_OK 0x8002
#define GONDOLIN_MESSAGE_FAILED 0x8003
#define GONDOLIN_MESSAGE_EXITED 0x8004
#define GONDOLIN_MESSAGE_LOG 0x8005

#define GONDOLIN_ROOT_MODE_MEMORY 1
#define GONDOLIN_ROOT_MODE_DISK 2

#define GONDOLIN_MOUNT_KIND_HOST 1
#define GONDOLIN_MOUNT_KIND_TMPFS 2
#define GONDOLIN_MOUNT_KIND_DISK 3
#define GONDOLIN_MOUNT_FLAG_READONLY 1

#define GONDOLIN_THAW_FLAG_NEW_SESSION 1

#define GONDOLIN_FILE_FLAG_APPEND 1
#define GONDOLIN_FILE_FLAG_KEEP 2
#define GONDOLIN_FILE_FLAG_JAVA_STORE 4

#define GONDOLIN_KILL_SCOPE_PROCESS 0
#define GONDOLIN_KILL_SCOPE_GROUP 1
#define GONDOLIN_KILL_SCOPE_TREE 2

#define GONDOLIN_EXIT_KIND_CODE 0
#define GONDOLIN_EXIT_KIND_SIGNAL 1
#define GONDOLIN_EXITED_FLAG_OUT_OF_MEMORY 1

#define GONDOLIN_LOG_ERROR 3
#define GONDOLIN_LOG_WARNING 4
#define GONDOLIN_LOG_INFO 6

#define GONDOLIN_MAX_STAGE_BYTES 4096
#define GONDOLIN_MAX_LOG_BYTES 1024
#define GONDOLIN_MAX_ENTROPY_BYTES 512
#define GONDOLIN_MAX_HOSTNAME_BYTES 64
#define GONDOLIN_MAX_ID_BYTES 64
#define GONDOLIN_MAX_LIST_ITEMS 65536
#define GONDOLIN_MAX_FILE_BYTES 2097152

/*
 * OPEN of a TCP or CONNECT stream, after the kind: u8 family (4 or 6; CONNECT also 0), u16 port, 16 bytes of address (IPv4:
 * 4, then 0).
 */
#define GONDOLIN_TCP_DESTINATION_BYTES 19
#define GONDOLIN_TCP_FAMILY_ANY 0
#define GONDOLIN_TCP_FAMILY_V4 4
#define GONDOLIN_TCP_FAMILY_V6 6
#define GONDOLIN_MAX_TCP_STREAMS 900

/* DNS stream, both directions: records of u16 message length, u32 tag, message. */
#define GONDOLIN_DNS_HEADER_BYTES 6
#define GONDOLIN_DNS_MIN_MESSAGE_BYTES 12
#define GONDOLIN_DNS_MAX_MESSAGE_BYTES 4096

/* File channel: raw FUSE messages, sizes in bytes. */
#define GONDOLIN_MIN_FUSE_MESSAGE_BYTES 16
#define GONDOLIN_MAX_FUSE_MESSAGE_BYTES 1114112

/*
 * A reply whose data is on the reply disk, in place of its error: u32 slot, u32 bytes (1 or more). Slots have this size, and the
 * host uses one again once the agent has read it: bytes 38 and 39 of each request's header (u16, padding for the kernel) are
 * the number of such replies so far, modulo 65536.
 */
#define GONDOLIN_REPLY_ON_DISK 1001
#define GONDOLIN_REPLY_SLOT_BYTES 1048576

/*
 * A notification for the agent, before the reply to a WRITE: u64 node, u64 unique of the WRITE, u32 1 with the whole content and
 * 0 without, struct fuse_attr_out, content (at most MAX_WRITTEN_BYTES).
 */
#define GONDOLIN_NOTIFY_WRITTEN 1002
#define GONDOLIN_MAX_WRITTEN_BYTES 16384

/*
 * A notification for the agent, before the reply to a CREATE: the data of this new file may wait in the agent until it is closed. u64
 * node, u64 handle, u64 node of its directory, struct fuse_attr, name.
 */
#define GONDOLIN_NOTIFY_NEW_FILE 1004

/*
 * A notification for the agent: u64 node of a directory, u32 1 while it has no names but those that the guest has made in it, 0 once it may
 * have others. Node 0 with 0 is each directory.
 */
#define GONDOLIN_NOTIFY_WHOLE 1003

/* The agent sets this bit of a RELEASE's `release_flags`: it has given the kernel the reply itself, and the host sends none. */
#define GONDOLIN_RELEASE_ANSWERED 2147483648

/* A notification for the agent, not the kernel, with the code NOTIFY_EDIT: an edit of the host. */
#define GONDOLIN_NOTIFY_EDIT 1000
#define GONDOLIN_MAX_EDIT_PATH_BYTES 4095
/* User of the agent's requests that repeat an edit; their group is its token. */
#define GONDOLIN_EDITOR_UID 4294967040

#define GONDOLIN_EDIT_MAKE_FILE 1
#define GONDOLIN_EDIT_MAKE_DIRECTORY 2
#define GONDOLIN_EDIT_MAKE_LINK 3
#define GONDOLIN_EDIT_WRITE 4
#define GONDOLIN_EDIT_ATTRIBUTES 5
#define GONDOLIN_EDIT_REMOVE_FILE 6
#define GONDOLIN_EDIT_REMOVE_DIRECTORY 7
#define GONDOLIN_EDIT_RENAME 8

/*
 * Files process: u32 length of what follows, u32 request id, then u8 operation (request) or u32 errno (reply), then the
 * body. Sizes in bytes.
 */
#define GONDOLIN_FILES_REQUEST_HEADER_BYTES 9
#define GONDOLIN_FILES_REPLY_HEADER_BYTES 12
#define GONDOLIN_FILES_ATTRIBUTES_BYTES 88
#define GONDOLIN_MAX_FILES_DATA_BYTES 262144
#define GONDOLIN_MAX_FILES_FRAME_BYTES 270336
#define GONDOLIN_MAX_FILES_PATH_BYTES 4095
#define GONDOLIN_MAX_FILES_NAME_BYTES 255
#define GONDOLIN_MAX_FILES_HANDLES 1024

#define GONDOLIN_FILES_OPERATION_OPEN 1
#define GONDOLIN_FILES_OPERATION_CLOSE 2
#define GONDOLIN_FILES_OPERATION_READ 3
#define GONDOLIN_FILES_OPERATION_WRITE 4
#define GONDOLIN_FILES_OPERATION_SYNC 5
#define GONDOLIN_FILES_OPERATION_STAT 6
#define GONDOLIN_FILES_OPERATION_SET 7
#define GONDOLIN_FILES_OPERATION_LIST 8
#define GONDOLIN_FILES_OPERATION_MKDIR 9
#define GONDOLIN_FILES_OPERATION_REMOVE 10
#define GONDOLIN_FILES_OPERATION_RENAME 11
#define GONDOLIN_FILES_OPERATION_LINK 12
#define GONDOLIN_FILES_OPERATION_SYMLINK 13
#define GONDOLIN_FILES_OPERATION_READLINK 14
#define GONDOLIN_FILES_OPERATION_REALPATH 15
#define GONDOLIN_FILES_OPERATION_STATVFS 16
#define GONDOLIN_FILES_OPERATION_ACCESS 17
#define GONDOLIN_FILES_OPERATION_XATTRS 18

#define GONDOLIN_FILES_OPEN_READ 1
#define GONDOLIN_FILES_OPEN_WRITE 2
#define GONDOLIN_FILES_OPEN_APPEND 4
#define GONDOLIN_FILES_OPEN_CREATE 8
#define GONDOLIN_FILES_OPEN_EXCLUSIVE 16
#define GONDOLIN_FILES_OPEN_TRUNCATE 32
#define GONDOLIN_FILES_OPEN_NOFOLLOW 64
#define GONDOLIN_FILES_OPEN_DIRECTORY 128

#define GONDOLIN_FILES_TARGET_PATH 0
#define GONDOLIN_FILES_TARGET_LINK 1
#define GONDOLIN_FILES_TARGET_HANDLE 2

#define GONDOLIN_FILES_SET_MODE 1
#define GONDOLIN_FILES_SET_OWNER 2
#define GONDOLIN_FILES_SET_SIZE 4
#define GONDOLIN_FILES_SET_ATIME 8
#define GONDOLIN_FILES_SET_MTIME 16

#define GONDOLIN_FILES_LIST_ATTRIBUTES 1
#define GONDOLIN_FILES_MKDIR_PARENTS 1

#define GONDOLIN_FILES_REMOVE_FILE 0
#define GONDOLIN_FILES_REMOVE_DIRECTORY 1
#define GONDOLIN_FILES_REMOVE_TREE 2

#endif
