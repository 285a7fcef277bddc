#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "file/file_port.h"
#include "file/new_files.h"
#include "protocol.h"
#include "runtime/util.h"
#include "unit.h"

#define NODE 7U
#define OTHER_NODE 8U
#define DIRECTORY 3U
#define HANDLE 70U
#define OTHER_HANDLE 71U
#define HEADER_BYTES (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

/* The kernel's end of the device and the agent's; the host's end of the port and the agent's. */
static int device[2];
static int port[2];

static struct {
    struct fuse_in_header header;
    uint8_t body[sizeof(struct fuse_write_in) + GONDOLIN_MAX_WRITTEN_BYTES + 1];
} request;

static struct {
    struct fuse_out_header header;
    uint8_t body[GONDOLIN_MAX_WRITTEN_BYTES];
} reply;

/* What the host got, and the error that it replies with. */
static struct {
    uint8_t bytes[HEADER_BYTES + GONDOLIN_MAX_WRITTEN_BYTES];
    long length;
    int32_t error;
} written;

static void host_replies(void)
{
    struct fuse_out_header answer = {.len = sizeof answer, .error = written.error};
    memcpy(&answer.unique, written.bytes + 8, sizeof answer.unique);
    CHECK(new_files_take_reply(device[1], (const uint8_t *)&answer, sizeof answer));
}

static void *serve_write(void *unused)
{
    written.length = read(port[0], written.bytes, sizeof written.bytes);
    host_replies();
    return unused;
}

/* Whether the agent replies itself to such a request, of which `length` bytes of body are given. */
static bool asks(uint32_t opcode, uint64_t node, uint64_t unique, const void *body, size_t length)
{
    request.header = (struct fuse_in_header){
        .len = (uint32_t)(sizeof request.header + length), .opcode = opcode, .nodeid = node, .unique = unique};
    memcpy(request.body, body, length);
    return new_files_answer(device[1], (const uint8_t *)&request, request.header.len);
}

/* The same while a host serves the WRITE that goes before. */
static bool asks_after_write(uint32_t opcode, uint64_t node, uint64_t unique, const void *body, size_t length)
{
    pthread_t host;
    (void)pthread_create(&host, NULL, serve_write, NULL);
    const bool is_answered = asks(opcode, node, unique, body, length);
    (void)pthread_join(host, NULL);
    return is_answered;
}

static bool writes(uint64_t offset, const char *text, uint32_t open_flags, uint32_t write_flags)
{
    uint8_t body[sizeof(struct fuse_write_in) + 64];
    const struct fuse_write_in in = {.fh = HANDLE,
                                     .offset = offset,
                                     .size = (uint32_t)strlen(text),
                                     .flags = open_flags,
                                     .write_flags = write_flags};
    memcpy(body, &in, sizeof in);
    memcpy(body + sizeof in, text, in.size);
    if (!asks(FUSE_WRITE, NODE, 20, body, sizeof in + in.size))
        return false;
    struct fuse_write_out out;
    CHECK(read(device[0], &reply, sizeof reply) == 16 + sizeof out && reply.header.unique == 20);
    memcpy(&out, reply.body, sizeof out);
    CHECK(reply.header.error == 0 && out.size == in.size);
    return true;
}

static bool flushes(uint64_t unique)
{
    const struct fuse_flush_in in = {.fh = HANDLE};
    return asks(FUSE_FLUSH, NODE, unique, &in, sizeof in);
}

static bool gets_attributes(uint32_t flags, uint64_t handle)
{
    const struct fuse_getattr_in in = {.getattr_flags = flags, .fh = handle};
    return asks(FUSE_GETATTR, NODE, 30, &in, sizeof in);
}

/* What the host says of a new file "name" with attributes of bytes 0x11. */
static void add(void)
{
    struct {
        struct fuse_out_header header;
        uint64_t numbers[3];
        struct fuse_attr attributes;
        char name[8];
    } message = {.header = {.error = GONDOLIN_NOTIFY_NEW_FILE}, .numbers = {NODE, HANDLE, DIRECTORY}};
    memset(&message.attributes, 0x11, sizeof message.attributes);
    memcpy(message.name, "name", 4);
    new_files_add((const uint8_t *)&message, sizeof message - sizeof message.name + 4);
}

static bool has_reply(uint64_t unique, int32_t error)
{
    return recv(device[0], &reply, sizeof reply, MSG_DONTWAIT) >= 16 && reply.header.unique == unique &&
           reply.header.error == error;
}

static bool host_got(uint64_t offset, const char *text, size_t length)
{
    struct fuse_write_in in;
    memcpy(&in, written.bytes + sizeof(struct fuse_in_header), sizeof in);
    return written.length == (long)(HEADER_BYTES + length) && in.fh == HANDLE && in.offset == offset &&
           in.size == length && memcmp(written.bytes + HEADER_BYTES, text, length) == 0;
}

static uint32_t used(void)
{
    struct fuse_write_in in;
    memcpy(&in, written.bytes + sizeof(struct fuse_in_header), sizeof in);
    return in.padding;
}

static void sends_the_parts_of_a_file_as_one_write_at_its_close(void)
{
    add();
    CHECK(writes(6, "six", O_RDWR, 0));
    CHECK(writes(2, "two", O_RDWR, FUSE_WRITE_LOCKOWNER));
    CHECK(flushes(40));
    CHECK(!has_reply(40, 0));
    written.error = 0;
    (void)serve_write(NULL);
    static const char parts[] = {'t', 'w', 'o', 0, 's', 'i', 'x'};
    CHECK(host_got(2, parts, sizeof parts));
    CHECK(used() == 0);
    CHECK(has_reply(40, 0));
    CHECK(new_files_wait_ms() == -1);
    /* Its next WRITE goes to the host, and a FLUSH needs none. */
    CHECK(!writes(0, "x", O_RDWR, 0));
    CHECK(flushes(41));
    CHECK(has_reply(41, 0));
}

static void replies_with_the_size_and_the_contents(void)
{
    struct fuse_attr_out out;
    struct fuse_read_in in = {.fh = HANDLE, .offset = 3, .size = 4096};
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    CHECK(gets_attributes(FUSE_GETATTR_FH, HANDLE));
    CHECK(has_reply(30, 0));
    memcpy(&out, reply.body, sizeof out);
    CHECK(out.attr_valid == 0 && out.attr_valid_nsec == 0 && out.attr.size == 7 &&
          out.attr.mtime == 0x1111111111111111);
    CHECK(asks(FUSE_READ, NODE, 31, &in, sizeof in));
    CHECK(has_reply(31, 0) && reply.header.len == 16 + 4 && memcmp(reply.body, "tent", 4) == 0);
    in = (struct fuse_read_in){.fh = HANDLE, .offset = 1, .size = 2};
    CHECK(asks(FUSE_READ, NODE, 32, &in, sizeof in));
    CHECK(has_reply(32, 0) && reply.header.len == 16 + 2 && memcmp(reply.body, "on", 2) == 0);
    in = (struct fuse_read_in){.fh = HANDLE, .offset = UINT64_MAX, .size = UINT32_MAX};
    CHECK(asks(FUSE_READ, NODE, 33, &in, sizeof in));
    CHECK(has_reply(33, 0) && reply.header.len == 16);
    CHECK(flushes(40));
    (void)serve_write(NULL);
    CHECK(used() == 3);
    CHECK(has_reply(40, 0));
}

/* A request of the kernel with this opcode for this node, before which the host gets what was written. */
static void settles_before(uint32_t opcode, uint64_t node, const void *body, size_t length)
{
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    written.error = 0;
    CHECK(!asks_after_write(opcode, node, 50, body, length));
    CHECK(host_got(0, "content", 7));
    CHECK(!has_reply(50, 0));
    CHECK(new_files_wait_ms() == -1);
}

static void sends_data_before_a_request_that_could_miss_it(void)
{
    const struct fuse_getattr_in attributes = {.getattr_flags = 0};
    const struct fuse_getattr_in of_handle = {.getattr_flags = FUSE_GETATTR_FH, .fh = OTHER_HANDLE};
    const struct fuse_read_in data = {.fh = OTHER_HANDLE, .size = 10};
    const struct fuse_open_in file = {.flags = O_RDONLY};
    const struct fuse_release_in release = {.fh = HANDLE};
    static const uint8_t zeros[64];
    settles_before(FUSE_GETATTR, NODE, &attributes, sizeof attributes);
    settles_before(FUSE_GETATTR, NODE, &of_handle, sizeof of_handle);
    settles_before(FUSE_READ, NODE, &data, sizeof data);
    settles_before(FUSE_OPEN, NODE, &file, sizeof file);
    settles_before(FUSE_RELEASE, NODE, &release, sizeof release);
    settles_before(FUSE_FSYNC, NODE, zeros, sizeof(struct fuse_fsync_in));
    settles_before(FUSE_LOOKUP, DIRECTORY, "name", 5);
    settles_before(FUSE_RENAME2, OTHER_NODE, zeros, sizeof zeros);
    settles_before(FUSE_SETATTR, OTHER_NODE, zeros, sizeof zeros);
    settles_before(FUSE_READDIRPLUS, DIRECTORY, zeros, sizeof(struct fuse_read_in));
}

static void keeps_data_during_requests_about_other_files(void)
{
    static const uint8_t zeros[64];
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    CHECK(!asks(FUSE_LOOKUP, DIRECTORY, 50, "names", 6));
    CHECK(!asks(FUSE_LOOKUP, OTHER_NODE, 51, "name", 5));
    CHECK(!asks(FUSE_OPEN, OTHER_NODE, 52, zeros, sizeof(struct fuse_open_in)));
    CHECK(!asks(FUSE_GETATTR, OTHER_NODE, 53, zeros, sizeof(struct fuse_getattr_in)));
    CHECK(!asks(FUSE_WRITE, OTHER_NODE, 54, zeros, sizeof zeros));
    CHECK(!asks(FUSE_CREATE, DIRECTORY, 55, zeros, sizeof zeros));
    CHECK(new_files_wait_ms() > 0);
    CHECK(flushes(40));
    (void)serve_write(NULL);
    CHECK(host_got(0, "content", 7));
    CHECK(has_reply(40, 0));
}

static void keeps_no_write_that_is_more_than_that(void)
{
    static const struct {
        uint64_t offset;
        uint32_t open_flags;
        uint32_t write_flags;
    } writes_through[] = {
        {0, O_RDWR | O_APPEND, 0},
        {0, O_RDWR | O_DSYNC, 0},
        {0, O_RDWR | O_DIRECT, 0},
        {0, O_RDWR, FUSE_WRITE_CACHE},
        {0, O_RDWR, FUSE_WRITE_KILL_SUIDGID},
        {GONDOLIN_MAX_WRITTEN_BYTES, O_RDWR, 0},
        {UINT64_MAX, O_RDWR, 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(writes_through); i++) {
        add();
        CHECK(!writes(writes_through[i].offset, "x", writes_through[i].open_flags, writes_through[i].write_flags));
        CHECK(new_files_wait_ms() == -1);
    }
    add();
    CHECK(!asks(FUSE_WRITE, NODE, 50, request.body, 8));
    CHECK(new_files_wait_ms() == -1);
}

static void tells_the_error_of_the_host(void)
{
    const struct fuse_fsync_in sync = {.fh = HANDLE};
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    CHECK(flushes(40));
    written.error = -ENOSPC;
    (void)serve_write(NULL);
    CHECK(has_reply(40, -ENOSPC));
    CHECK(flushes(41));
    CHECK(has_reply(41, 0));
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    CHECK(!asks_after_write(FUSE_OPEN, NODE, 50, &sync, sizeof sync));
    CHECK(flushes(42));
    CHECK(has_reply(42, -ENOSPC));
    CHECK(flushes(43));
    CHECK(has_reply(43, 0));
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    CHECK(asks_after_write(FUSE_FSYNC, NODE, 51, &sync, sizeof sync));
    CHECK(has_reply(51, -ENOSPC));
    written.error = 0;
}

static void waits_no_longer_than_its_time_or_after_an_edit_of_the_host(void)
{
    const struct {
        struct fuse_out_header header;
        struct fuse_notify_inval_inode_out body;
    } stale = {.header = {.len = sizeof stale, .error = FUSE_NOTIFY_INVAL_INODE}, .body = {.ino = NODE}};
    pthread_t host;
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    int wait = new_files_wait_ms();
    CHECK(wait > 0 && wait <= 25);
    (void)usleep(30000);
    CHECK(new_files_wait_ms() == 0);
    (void)pthread_create(&host, NULL, serve_write, NULL);
    new_files_send_late();
    (void)pthread_join(host, NULL);
    CHECK(host_got(0, "content", 7));
    add();
    CHECK(writes(0, "content", O_RDWR, 0));
    new_files_expire((const uint8_t *)&stale, sizeof stale);
    CHECK(!asks_after_write(FUSE_GETATTR, NODE, 50, request.body, sizeof(struct fuse_getattr_in)));
    CHECK(host_got(0, "content", 7));
}

static void ignores_what_is_malformed_or_too_much(void)
{
    uint8_t message[512] = {0};
    for (size_t length = 0; length <= 128; length++) {
        store_u32(message + 4, GONDOLIN_NOTIFY_NEW_FILE);
        new_files_add(message, length);
    }
    CHECK(new_files_wait_ms() == -1);
    new_files_add(message, sizeof message);
    CHECK(new_files_wait_ms() == -1);
    for (int i = 0; i < 20; i++)
        add();
    for (size_t length = 8; length < sizeof(struct fuse_write_in); length++)
        CHECK(!asks(FUSE_WRITE, OTHER_NODE, 60, message, length));
    CHECK(!asks(FUSE_STATFS, 1, 61, message, 8));
    CHECK(new_files_wait_ms() == -1);
}

void unit_new_files(void)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, device) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, port) != 0) {
        CHECK(false);
        return;
    }
    /* A failure is a failed check, not a hang. */
    const struct timeval limit = {.tv_sec = 2};
    (void)setsockopt(device[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(port[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    file_port_start(port[1]);
    sends_the_parts_of_a_file_as_one_write_at_its_close();
    replies_with_the_size_and_the_contents();
    sends_data_before_a_request_that_could_miss_it();
    keeps_data_during_requests_about_other_files();
    keeps_no_write_that_is_more_than_that();
    tells_the_error_of_the_host();
    waits_no_longer_than_its_time_or_after_an_edit_of_the_host();
    ignores_what_is_malformed_or_too_much();
    for (int i = 0; i < 2; i++) {
        (void)close(device[i]);
        (void)close(port[i]);
    }
}
