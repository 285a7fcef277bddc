#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "file/absent_names.h"
#include "protocol.h"
#include "runtime/util.h"
#include "unit.h"

#define NODE 7U
#define OTHER_NODE 8U

/* The kernel's end of the device, and the agent's. */
static int device[2];
static uint64_t unique;

/* Sends a request of exactly this length, so that the sanitizers find each read beyond it. */
static bool send_request(uint32_t opcode, uint64_t node, uint32_t uid, const void *body, size_t length)
{
    const struct fuse_in_header header = {
        .len = (uint32_t)(sizeof header + length), .opcode = opcode, .nodeid = node, .unique = ++unique, .uid = uid};
    uint8_t *request = malloc(header.len);
    if (request == NULL)
        return false;
    memcpy(request, &header, sizeof header);
    if (length > 0)
        memcpy(request + sizeof header, body, length);
    bool is_answered = absent_names_answer(device[1], request, header.len);
    free(request);
    return is_answered;
}

/* Sends a request with `fixed` bytes before a name, of which the first 8 are `number`, and perhaps a second name. */
static bool names(uint32_t opcode, uint64_t node, size_t fixed, uint64_t number, const char *name, const char *second)
{
    uint8_t body[1024] = {0};
    size_t length = fixed;
    memcpy(body, &number, sizeof number);
    (void)strcpy((char *)body + length, name);
    length += strlen(name) + 1;
    if (second != NULL) {
        (void)strcpy((char *)body + length, second);
        length += strlen(second) + 1;
    }
    return send_request(opcode, node, 0, body, length);
}

/* Whether the agent says that there is no such name. */
static bool is_missing(uint64_t node, const char *name)
{
    struct fuse_out_header reply;
    if (!send_request(FUSE_LOOKUP, node, 0, name, strlen(name) + 1))
        return false;
    CHECK(read(device[0], &reply, sizeof reply) == sizeof reply);
    CHECK(reply.len == sizeof reply && reply.error == -ENOENT && reply.unique == unique);
    return true;
}

static void tell(uint64_t node, uint32_t is_whole)
{
    uint8_t message[sizeof(struct fuse_out_header) + 12] = {0};
    memcpy(message + 16, &node, sizeof node);
    store_u32(message + 24, is_whole);
    absent_names_told(message, sizeof message);
}

static void answers_for_names_that_nobody_made(void)
{
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    CHECK(is_missing(NODE, "name") && is_missing(NODE, "a"));
    CHECK(!is_missing(OTHER_NODE, "name"));
    tell(NODE, 0);
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    tell(OTHER_NODE, 1);
    tell(0, 0);
    CHECK(!is_missing(NODE, "name") && !is_missing(OTHER_NODE, "name"));
    tell(NODE, 1);
    absent_names_forget_all();
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    absent_names_pause();
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    CHECK(!is_missing(NODE, "name"));
    absent_names_resume();
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    CHECK(is_missing(NODE, "name"));
    tell(NODE, 0);
}

static void leaves_names_that_were_made_to_the_host(void)
{
    static const struct {
        uint32_t opcode;
        size_t fixed;
    } makes[] = {
        {FUSE_CREATE, sizeof(struct fuse_create_in)},
        {FUSE_MKNOD, sizeof(struct fuse_mknod_in)},
        {FUSE_MKDIR, sizeof(struct fuse_mkdir_in)},
        {FUSE_LINK, sizeof(struct fuse_link_in)},
        {FUSE_SYMLINK, 0},
    };
    tell(NODE, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(makes); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", (unsigned)i);
        CHECK(is_missing(NODE, name));
        /* A SYMLINK has its name first, where others have a number. */
        bool is_link = makes[i].opcode == FUSE_SYMLINK;
        CHECK(!names(makes[i].opcode, NODE, makes[i].fixed, 0, name, is_link ? "target" : NULL));
        CHECK(!is_missing(NODE, name));
        /* Removed or not, the host knows. */
        CHECK(!names(FUSE_UNLINK, NODE, 0, 0, name, NULL));
        CHECK(!is_missing(NODE, name));
    }
    CHECK(is_missing(NODE, "target") && is_missing(NODE, "n"));
}

static void notes_both_names_of_a_rename(void)
{
    tell(NODE, 1);
    tell(OTHER_NODE, 1);
    CHECK(!names(FUSE_RENAME, NODE, sizeof(struct fuse_rename_in), OTHER_NODE, "from", "to"));
    CHECK(!is_missing(OTHER_NODE, "to") && !is_missing(NODE, "from"));
    CHECK(is_missing(NODE, "to") && is_missing(OTHER_NODE, "from"));
    CHECK(!names(FUSE_RENAME2, NODE, sizeof(struct fuse_rename2_in), OTHER_NODE, "left", "right"));
    CHECK(!is_missing(NODE, "left") && !is_missing(OTHER_NODE, "right"));
}

static void leaves_what_only_the_host_can_say_to_it(void)
{
    char name[257];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    tell(NODE, 1);
    CHECK(!is_missing(NODE, "") && !is_missing(NODE, ".") && !is_missing(NODE, ".."));
    CHECK(is_missing(NODE, ".a") && is_missing(NODE, "..."));
    CHECK(!is_missing(NODE, name));
    name[255] = '\0';
    CHECK(is_missing(NODE, name));
    CHECK(!is_missing(NODE, "caf\xc3\xa9"));
    /* The agent's own lookup for an edit of the host, and what it makes then. */
    CHECK(!send_request(FUSE_LOOKUP, NODE, GONDOLIN_EDITOR_UID, "edit", 5));
    CHECK(!send_request(FUSE_SYMLINK, NODE, GONDOLIN_EDITOR_UID, "edit\0to", 8));
    CHECK(is_missing(NODE, "edit"));
}

static void forgets_nodes_that_the_kernel_forgets(void)
{
    const uint64_t forgotten[] = {0, NODE, 1, OTHER_NODE, 1};
    tell(NODE, 1);
    tell(OTHER_NODE, 1);
    CHECK(!send_request(FUSE_FORGET, NODE, 0, forgotten, 8));
    CHECK(!is_missing(NODE, "name") && is_missing(OTHER_NODE, "name"));
    tell(NODE, 1);
    CHECK(!send_request(FUSE_BATCH_FORGET, 0, 0, forgotten, sizeof forgotten));
    CHECK(!is_missing(NODE, "name") && !is_missing(OTHER_NODE, "name"));
}

static void bounds_what_it_keeps(void)
{
    /* A later directory takes the place of one with the same remainder. */
    tell(NODE, 1);
    tell(NODE + 1024, 1);
    CHECK(!is_missing(NODE, "name") && is_missing(NODE + 1024, "name"));
    tell(NODE, 1);
    unsigned made = 0;
    for (; made < 40000 && is_missing(NODE, "missing"); made++) {
        char name[16];
        (void)snprintf(name, sizeof name, "file%u", made);
        (void)names(FUSE_CREATE, NODE, sizeof(struct fuse_create_in), 0, name, NULL);
        CHECK(!is_missing(NODE, name));
    }
    CHECK(made > 16384 && made < 40000);
    CHECK(!is_missing(NODE, "file0"));
    tell(OTHER_NODE, 1);
    CHECK(is_missing(OTHER_NODE, "missing"));
}

static void forgets_by_malformed_requests(void)
{
    const uint8_t short_message[sizeof(struct fuse_out_header) + 11] = {[16] = NODE, [24] = 1};
    const uint8_t none[64] = {0};
    tell(0, 0);
    absent_names_told(short_message, sizeof short_message);
    CHECK(!is_missing(NODE, "name"));
    tell(NODE, 1);
    CHECK(!send_request(FUSE_LOOKUP, NODE, 0, "name", 4));
    CHECK(!send_request(FUSE_LOOKUP, NODE, 0, NULL, 0));
    for (size_t length = 0; length < 40; length++) {
        (void)send_request(FUSE_BATCH_FORGET, 0, 0, none, length);
        CHECK(is_missing(NODE, "name"));
    }
    static const uint32_t opcodes[] = {FUSE_CREATE,  FUSE_MKNOD,  FUSE_MKDIR,  FUSE_LINK,
                                       FUSE_SYMLINK, FUSE_RENAME, FUSE_RENAME2};
    for (size_t i = 0; i < ARRAY_LENGTH(opcodes); i++) {
        tell(NODE, 1);
        for (size_t length = 0; length < 24; length++)
            CHECK(!send_request(opcodes[i], NODE, 0, "nnnnnnnnnnnnnnnnnnnnnnnn", length));
        CHECK(!is_missing(NODE, "name"));
    }
    tell(OTHER_NODE, 1);
    CHECK(!names(FUSE_RENAME, NODE, sizeof(struct fuse_rename_in), OTHER_NODE, "from", NULL));
    CHECK(!is_missing(OTHER_NODE, "name"));
    CHECK(!absent_names_answer(device[1], none, 20));
}

void unit_absent(void)
{
    bool has_device = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, device) == 0;
    CHECK(has_device);
    if (!has_device)
        return;
    answers_for_names_that_nobody_made();
    leaves_names_that_were_made_to_the_host();
    notes_both_names_of_a_rename();
    leaves_what_only_the_host_can_say_to_it();
    forgets_nodes_that_the_kernel_forgets();
    bounds_what_it_keeps();
    forgets_by_malformed_requests();
    (void)close(device[0]);
    (void)close(device[1]);
}
