#include "channel/message.h"

#include <limits.h>

#include "runtime/util.h"

#define MAX_TEXT_BYTES PATH_MAX
#define MAX_MODE 07777

static void decode_root(struct wire_reader *reader, struct root_request *root)
{
    root->device = wire_read_string(reader, MAX_TEXT_BYTES);
    root->filesystem = wire_read_string(reader, MAX_TEXT_BYTES);
    root->mode = wire_read_u8(reader);
    if (root->mode != GONDOLIN_ROOT_MODE_MEMORY && root->mode != GONDOLIN_ROOT_MODE_DISK)
        reader->failed = true;
}

static void decode_identity(struct wire_reader *reader, struct identity_request *identity)
{
    identity->realtime_ns = wire_read_u64(reader);
    identity->hostname = wire_read_string(reader, GONDOLIN_MAX_HOSTNAME_BYTES);
    identity->machine_id = wire_read_string(reader, GONDOLIN_MAX_ID_BYTES);
    identity->boot_id = wire_read_string(reader, GONDOLIN_MAX_ID_BYTES);
    identity->entropy = wire_read_bytes(reader, GONDOLIN_MAX_ENTROPY_BYTES);
}

static void decode_thaw(struct wire_reader *reader, struct thaw_request *thaw)
{
    thaw->flags = wire_read_u8(reader);
    decode_identity(reader, &thaw->identity);
    if ((thaw->flags & ~GONDOLIN_THAW_FLAG_NEW_SESSION) != 0)
        reader->failed = true;
}

static void decode_mount(struct wire_reader *reader, struct mount_request *mount)
{
    mount->kind = wire_read_u8(reader);
    mount->flags = wire_read_u8(reader);
    mount->source = wire_read_string(reader, MAX_TEXT_BYTES);
    mount->target = wire_read_string(reader, MAX_TEXT_BYTES);
    mount->size_bytes = wire_read_u64(reader);
    mount->mode = wire_read_u32(reader);
    mount->uid = wire_read_u32(reader);
    mount->gid = wire_read_u32(reader);
    if (mount->kind < GONDOLIN_MOUNT_KIND_HOST || mount->kind > GONDOLIN_MOUNT_KIND_DISK)
        reader->failed = true;
    if ((mount->flags & ~GONDOLIN_MOUNT_FLAG_READONLY) != 0 || mount->target == NULL || mount->target[0] != '/')
        reader->failed = true;
}

/* No command can draw on a terminal without rows or columns. */
static struct terminal_size decode_size(struct wire_reader *reader, bool has_terminal)
{
    struct terminal_size size = {.rows = wire_read_u16(reader)};
    size.columns = wire_read_u16(reader);
    if ((size.rows != 0) != has_terminal || (size.columns != 0) != has_terminal)
        reader->failed = true;
    return size;
}

static void decode_exec(struct wire_reader *reader, struct exec_request *exec)
{
    exec->stdin_stream = wire_read_u32(reader);
    exec->stdout_stream = wire_read_u32(reader);
    exec->stderr_stream = wire_read_u32(reader);
    exec->user = wire_read_string(reader, MAX_TEXT_BYTES);
    exec->cwd = wire_read_string(reader, MAX_TEXT_BYTES);
    exec->argv = wire_read_list(reader, GONDOLIN_MAX_LIST_ITEMS, &exec->argc);
    exec->env = wire_read_list(reader, GONDOLIN_MAX_LIST_ITEMS, &exec->envc);
    uint8_t has_terminal = wire_read_u8(reader);
    exec->has_terminal = has_terminal == 1;
    exec->size = decode_size(reader, exec->has_terminal);
    if (exec->argc == 0 || has_terminal > 1)
        reader->failed = true;
}

/* The same start as that of a command, with the agent's own program and no argv. */
static void decode_files(struct wire_reader *reader, struct exec_request *exec)
{
    exec->stdin_stream = wire_read_u32(reader);
    exec->stdout_stream = wire_read_u32(reader);
    exec->user = wire_read_string(reader, MAX_TEXT_BYTES);
    exec->cwd = calloc(1, 1);
    exec->env = calloc(1, sizeof *exec->env);
    if (exec->stdin_stream == 0 || exec->stdout_stream == 0 || exec->cwd == NULL || exec->env == NULL)
        reader->failed = true;
}

static void decode_kill(struct wire_reader *reader, struct kill_request *kill)
{
    kill->exec_request_id = wire_read_u32(reader);
    kill->signal = wire_read_u32(reader);
    kill->scope = wire_read_u8(reader);
    if (kill->signal > 64 || kill->scope > GONDOLIN_KILL_SCOPE_TREE)
        reader->failed = true;
}

static void decode_network(struct wire_reader *reader, struct network_request *network)
{
    network->flags = wire_read_u8(reader);
    if (network->flags != 0)
        reader->failed = true;
}

static void decode_resize(struct wire_reader *reader, struct resize_request *resize)
{
    resize->exec_request_id = wire_read_u32(reader);
    resize->size = decode_size(reader, true);
}

#define FILE_FLAGS (GONDOLIN_FILE_FLAG_APPEND | GONDOLIN_FILE_FLAG_KEEP | GONDOLIN_FILE_FLAG_JAVA_STORE)

static void decode_file(struct wire_reader *reader, struct file_request *file)
{
    file->path = wire_read_string(reader, MAX_TEXT_BYTES - 1);
    file->flags = wire_read_u8(reader);
    file->mode = wire_read_u32(reader);
    file->content = wire_read_bytes(reader, GONDOLIN_MAX_FILE_BYTES);
    if ((file->flags & ~FILE_FLAGS) != 0 || file->mode > MAX_MODE)
        reader->failed = true;
    if (file->path == NULL || file->path[0] != '/')
        reader->failed = true;
}

enum message_result message_decode(const uint8_t *payload, size_t length, struct message *message)
{
    struct wire_reader reader;
    wire_reader_init(&reader, payload, length);
    memset(message, 0, sizeof *message);
    uint16_t type = wire_read_u16(&reader);
    uint16_t reserved = wire_read_u16(&reader);
    message->request_id = wire_read_u32(&reader);
    if (reader.failed || reserved != 0)
        return MESSAGE_BAD_HEADER;
    message->type = type;
    switch (type) {
    case GONDOLIN_MESSAGE_ROOT:
        decode_root(&reader, &message->body.root);
        break;
    case GONDOLIN_MESSAGE_IDENTITY:
        decode_identity(&reader, &message->body.identity);
        break;
    case GONDOLIN_MESSAGE_MOUNT:
        decode_mount(&reader, &message->body.mount);
        break;
    case GONDOLIN_MESSAGE_EXEC:
        decode_exec(&reader, &message->body.exec);
        break;
    case GONDOLIN_MESSAGE_FILES:
        decode_files(&reader, &message->body.exec);
        break;
    case GONDOLIN_MESSAGE_KILL:
        decode_kill(&reader, &message->body.kill);
        break;
    case GONDOLIN_MESSAGE_THAW:
        decode_thaw(&reader, &message->body.thaw);
        break;
    case GONDOLIN_MESSAGE_NETWORK:
        decode_network(&reader, &message->body.network);
        break;
    case GONDOLIN_MESSAGE_FILE:
        decode_file(&reader, &message->body.file);
        break;
    case GONDOLIN_MESSAGE_RESIZE:
        decode_resize(&reader, &message->body.resize);
        break;
    case GONDOLIN_MESSAGE_SEAL:
    case GONDOLIN_MESSAGE_PING:
    case GONDOLIN_MESSAGE_SHUTDOWN:
    case GONDOLIN_MESSAGE_FREEZE:
        break;
    default:
        return MESSAGE_UNKNOWN_TYPE;
    }
    return wire_reader_done(&reader) ? MESSAGE_OK : MESSAGE_BAD_BODY;
}

static void free_identity(const struct identity_request *identity)
{
    free(identity->hostname);
    free(identity->machine_id);
    free(identity->boot_id);
}

void message_free_exec(struct exec_request *exec)
{
    free(exec->user);
    free(exec->cwd);
    free(exec->argv);
    free(exec->env);
}

void message_free(struct message *message)
{
    switch (message->type) {
    case GONDOLIN_MESSAGE_ROOT:
        free(message->body.root.device);
        free(message->body.root.filesystem);
        break;
    case GONDOLIN_MESSAGE_IDENTITY:
        free_identity(&message->body.identity);
        break;
    case GONDOLIN_MESSAGE_THAW:
        free_identity(&message->body.thaw.identity);
        break;
    case GONDOLIN_MESSAGE_MOUNT:
        free(message->body.mount.source);
        free(message->body.mount.target);
        break;
    case GONDOLIN_MESSAGE_EXEC:
    case GONDOLIN_MESSAGE_FILES:
        message_free_exec(&message->body.exec);
        break;
    case GONDOLIN_MESSAGE_FILE:
        free(message->body.file.path);
        break;
    default:
        break;
    }
    memset(message, 0, sizeof *message);
}

const char *message_strerror(enum message_result result)
{
    switch (result) {
    case MESSAGE_OK:
        return "no error";
    case MESSAGE_BAD_HEADER:
        return "bad message header";
    case MESSAGE_UNKNOWN_TYPE:
        return "unknown message type";
    case MESSAGE_BAD_BODY:
        return "message body does not fit its type";
    }
    return "unknown message result";
}

void message_encode_header(struct wire_writer *writer, uint16_t type, uint32_t request_id)
{
    wire_write_u16(writer, type);
    wire_write_u16(writer, 0);
    wire_write_u32(writer, request_id);
}

void message_encode_hello(struct wire_writer *writer, const char *version, const char *kernel)
{
    message_encode_header(writer, GONDOLIN_MESSAGE_HELLO, 0);
    wire_write_u32(writer, GONDOLIN_PROTOCOL_VERSION);
    wire_write_string(writer, version, 128);
    wire_write_string(writer, kernel, 128);
}

void message_encode_frozen(struct wire_writer *writer, uint32_t request_id, uint64_t sent_bytes,
                           uint64_t received_bytes, uint32_t counter_khz)
{
    message_encode_header(writer, GONDOLIN_MESSAGE_OK, request_id);
    wire_write_u64(writer, sent_bytes);
    wire_write_u64(writer, received_bytes);
    wire_write_u32(writer, counter_khz);
}

void message_encode_failed(struct wire_writer *writer, uint32_t request_id, int error, const char *stage)
{
    message_encode_header(writer, GONDOLIN_MESSAGE_FAILED, request_id);
    wire_write_u32(writer, (uint32_t)error);
    wire_write_string(writer, stage, GONDOLIN_MAX_STAGE_BYTES);
}

void message_encode_exited(struct wire_writer *writer, uint32_t request_id, uint8_t kind, uint8_t flags, uint16_t value)
{
    message_encode_header(writer, GONDOLIN_MESSAGE_EXITED, request_id);
    wire_write_u8(writer, kind);
    wire_write_u8(writer, flags);
    wire_write_u16(writer, value);
}

void message_encode_log(struct wire_writer *writer, uint8_t level, const char *text)
{
    message_encode_header(writer, GONDOLIN_MESSAGE_LOG, 0);
    wire_write_u8(writer, level);
    wire_write_string(writer, text, GONDOLIN_MAX_LOG_BYTES);
}
