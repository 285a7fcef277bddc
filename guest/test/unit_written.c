#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/socket.h>

#include "file/written.h"
#include "protocol.h"
#include "runtime/util.h"
#include "unit.h"

#define NODE 7U
#define OTHER_NODE 8U

/* The kernel's end of the device, and the agent's. */
static int device[2];

static struct {
    struct fuse_in_header header;
    uint8_t body[64];
} request;

/* Whether the agent replies itself to such a request. */
static bool asks(uint32_t opcode, uint64_t node, uint64_t unique)
{
    request.header = (struct fuse_in_header){.len = sizeof request, .opcode = opcode, .nodeid = node, .unique = unique};
    return written_answer(device[1], (uint8_t *)&request, sizeof request);
}

static bool writes(uint64_t node, uint64_t unique)
{
    memset(request.body, 0, sizeof request.body);
    return asks(FUSE_WRITE, node, unique);
}

static uint32_t used(void)
{
    struct fuse_write_in written;
    memcpy(&written, request.body, sizeof written);
    return written.padding;
}

static bool reads(uint64_t node, uint64_t offset, uint32_t size)
{
    const struct fuse_read_in asked = {.offset = offset, .size = size};
    memcpy(request.body, &asked, sizeof asked);
    return asks(FUSE_READ, node, 99);
}

/* What the host says after a WRITE: attributes of bytes 0x11, and the content "content" if `has_data`. */
static void describe(uint64_t node, uint64_t unique, bool has_data)
{
    static const char content[] = {'c', 'o', 'n', 't', 'e', 'n', 't'};
    struct {
        struct fuse_out_header header;
        uint8_t body[20 + sizeof(struct fuse_attr_out) + sizeof content];
    } message = {.header = {.error = GONDOLIN_NOTIFY_WRITTEN}};
    memcpy(message.body, &node, 8);
    memcpy(message.body + 8, &unique, 8);
    store_u32(message.body + 16, has_data ? 1 : 0);
    memset(message.body + 20, 0x11, sizeof(struct fuse_attr_out));
    memcpy(message.body + 20 + sizeof(struct fuse_attr_out), content, sizeof content);
    written_add((const uint8_t *)&message,
                sizeof message.header + sizeof message.body - (has_data ? 0 : sizeof content));
}

static void notify(int32_t code, uint64_t node)
{
    const struct {
        struct fuse_out_header header;
        struct fuse_notify_inval_inode_out body;
    } message = {.header = {.len = sizeof message, .error = code}, .body = {.ino = node}};
    written_drop((const uint8_t *)&message, sizeof message);
}

static void answers_once_what_the_host_said(void)
{
    struct {
        struct fuse_out_header header;
        uint8_t body[sizeof(struct fuse_attr_out)];
    } reply;
    CHECK(!writes(NODE, 1));
    CHECK(used() == 0);
    CHECK(!asks(FUSE_GETATTR, NODE, 2));
    describe(NODE, 1, true);
    CHECK(asks(FUSE_GETATTR, NODE, 3));
    CHECK(read(device[0], &reply, sizeof reply) == sizeof reply);
    CHECK(reply.header.unique == 3 && reply.header.error == 0 && reply.header.len == sizeof reply);
    CHECK(reply.body[0] == 0x11 && reply.body[sizeof reply.body - 1] == 0x11);
    CHECK(!asks(FUSE_GETATTR, NODE, 4));
    CHECK(reads(NODE, 3, 4096));
    CHECK(read(device[0], &reply, sizeof reply) == 16 + 4);
    CHECK(reply.header.unique == 99 && reply.header.len == 16 + 4 && memcmp(reply.body, "tent", 4) == 0);
    CHECK(!reads(NODE, 3, 4096));
    CHECK(!writes(NODE, 5));
    CHECK(used() == 3);
}

static void reads_no_more_than_there_is_and_was_asked_for(void)
{
    uint8_t reply[64];
    (void)writes(NODE, 1);
    describe(NODE, 1, true);
    CHECK(reads(NODE, 0, 3));
    CHECK(read(device[0], reply, sizeof reply) == 16 + 3);
    describe(NODE, 1, true);
    CHECK(reads(NODE, 7, 4096));
    CHECK(read(device[0], reply, sizeof reply) == 16);
    describe(NODE, 1, true);
    CHECK(reads(NODE, UINT64_MAX, UINT32_MAX));
    CHECK(read(device[0], reply, sizeof reply) == 16);
    describe(NODE, 1, false);
    CHECK(!reads(NODE, 0, 3));
}

static void forgets_what_may_be_untrue(void)
{
    (void)writes(NODE, 1);
    describe(NODE, 1, true);
    CHECK(!writes(NODE, 2));
    CHECK(!asks(FUSE_GETATTR, NODE, 3));
    /* The host looked at the file before the second WRITE. */
    describe(NODE, 1, true);
    CHECK(!asks(FUSE_GETATTR, NODE, 4));
    describe(NODE, 2, true);
    CHECK(!asks(FUSE_SETATTR, OTHER_NODE, 5));
    CHECK(!asks(FUSE_GETATTR, NODE, 6));
    CHECK(!reads(NODE, 0, 10));
    /* The SETATTR may have been of this file, and served after the WRITE. */
    describe(NODE, 2, true);
    CHECK(!asks(FUSE_GETATTR, NODE, 7));
    (void)writes(NODE, 8);
    describe(NODE, 8, true);
    notify(FUSE_NOTIFY_INVAL_INODE, OTHER_NODE);
    CHECK(!asks(FUSE_GETATTR, OTHER_NODE, 9));
    notify(FUSE_NOTIFY_INVAL_INODE, NODE);
    CHECK(!asks(FUSE_GETATTR, NODE, 10) && !reads(NODE, 0, 10));
    (void)writes(NODE, 11);
    describe(NODE, 11, true);
    notify(FUSE_NOTIFY_INVAL_ENTRY, OTHER_NODE);
    CHECK(!asks(FUSE_GETATTR, NODE, 12));
    /* An open for reading changes nothing, one that empties the file does. */
    (void)writes(NODE, 13);
    describe(NODE, 13, false);
    store_u32(request.body, O_RDONLY);
    CHECK(!asks(FUSE_OPEN, NODE, 14));
    store_u32(request.body, O_WRONLY | O_TRUNC);
    CHECK(!asks(FUSE_OPEN, NODE, 15));
    CHECK(!asks(FUSE_GETATTR, NODE, 16));
}

static void answers_for_a_directory_whose_name_changed(void)
{
    static const uint32_t changes[] = {FUSE_CREATE, FUSE_MKNOD, FUSE_SYMLINK, FUSE_LINK, FUSE_UNLINK};
    uint8_t reply[16 + sizeof(struct fuse_attr_out)];
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        CHECK(!asks(changes[i], NODE, 20 + i));
        CHECK(!asks(FUSE_GETATTR, NODE, 1));
        describe(NODE, 20 + i, false);
        CHECK(!asks(FUSE_LOOKUP, NODE, 2) && !writes(OTHER_NODE, 3));
        CHECK(asks(FUSE_GETATTR, NODE, 4));
        CHECK(read(device[0], reply, sizeof reply) == sizeof reply);
        CHECK(!asks(FUSE_GETATTR, NODE, 5));
    }
    /* Another change was made since the host looked at it. */
    CHECK(!asks(FUSE_CREATE, NODE, 30) && !asks(FUSE_UNLINK, NODE, 31));
    describe(NODE, 30, false);
    CHECK(!asks(FUSE_GETATTR, NODE, 6));
    describe(NODE, 31, false);
    CHECK(!asks(FUSE_RMDIR, NODE, 32));
    CHECK(!asks(FUSE_GETATTR, NODE, 7));
    /* A changed name is a changed time of the file that it led to. */
    (void)writes(OTHER_NODE, 33);
    describe(OTHER_NODE, 33, false);
    CHECK(!asks(FUSE_UNLINK, NODE, 34));
    CHECK(!asks(FUSE_GETATTR, OTHER_NODE, 8));
}

/* The body of an UNLINK, RMDIR or SYMLINK is only its names. */
static void forgets_by_short_requests(void)
{
    static const uint32_t opcodes[] = {FUSE_UNLINK, FUSE_RMDIR, FUSE_SYMLINK};
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
        CHECK(!asks(FUSE_CREATE, NODE, 40 + i));
        describe(NODE, 40 + i, false);
        request.header = (struct fuse_in_header){
            .len = sizeof request.header + 4, .opcode = opcodes[i], .nodeid = NODE, .unique = 1};
        memcpy(request.body, "a\0b", 4);
        CHECK(!written_answer(device[1], (uint8_t *)&request, request.header.len));
        CHECK(!asks(FUSE_GETATTR, NODE, 2));
    }
}

static void ignores_malformed_messages(void)
{
    uint8_t message[16 + 20 + sizeof(struct fuse_attr_out) + GONDOLIN_MAX_WRITTEN_BYTES + 1] = {0};
    (void)writes(NODE, 1);
    message[16] = NODE;
    message[24] = 1;
    message[32] = 1;
    written_add(message, sizeof message);
    written_add(message, 16 + 20 + sizeof(struct fuse_attr_out) - 1);
    CHECK(!asks(FUSE_GETATTR, NODE, 2));
    written_add(message, sizeof message - 1);
    CHECK(asks(FUSE_GETATTR, NODE, 3));
    /* Shorter than a header: passed on as it is. */
    CHECK(!written_answer(device[1], message, 20));
}

void unit_written(void)
{
    bool has_device = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, device) == 0;
    CHECK(has_device);
    if (!has_device)
        return;
    answers_once_what_the_host_said();
    reads_no_more_than_there_is_and_was_asked_for();
    forgets_what_may_be_untrue();
    answers_for_a_directory_whose_name_changed();
    forgets_by_short_requests();
    ignores_malformed_messages();
    (void)close(device[0]);
    (void)close(device[1]);
}
