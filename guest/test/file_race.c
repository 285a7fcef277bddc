/*
 * Sends file requests as root of a guest that stopped the agent, while a program of the host exchanges what they name for links
 * to a tree outside of the mount: `file_race MOUNT SECONDS OUTSIDE`, where OUTSIDE is that tree's path on the host. Run inside a guest by
 * test/vm/hostile.test.ts. Prints each byte, name or size from outside that a reply contains, and how many requests were served.
 */
#include <time.h>

#include "fuse_port.h"

/* What every file of the tree outside has, and no file of the mount (test/fixtures/hostile-kernel.ts). */
#define OUTSIDE_TEXT "TEXT-FROM-OUTSIDE"
#define OUTSIDE_NAME "name-from-outside"
#define OUTSIDE_BYTES 7654321
#define MAX_NODES 100

static const char *const names[] = {
    "directory",      "other",     "file",       "moved",      "linked",          "inner",
    "directory.link", "file.link", "other.link", "../outside", "../outside/file", "/etc/passwd",
};
#define NAMES (sizeof names / sizeof names[0])

static uint64_t nodes[MAX_NODES];
static size_t node_count;
static uint64_t open_node;
static uint64_t open_handle;
static unsigned long served;
static unsigned long leaks;

static uint64_t some_node(void)
{
    return nodes[(size_t)rand() % node_count];
}

static const char *some_name(void)
{
    return names[(size_t)rand() % NAMES];
}

static void found(const char *what, uint32_t opcode)
{
    leaks++;
    (void)printf("leak: %s in the reply to opcode %u\n", what, opcode);
}

static void examine(uint32_t opcode, size_t length)
{
    if (memmem(reply, length, OUTSIDE_TEXT, strlen(OUTSIDE_TEXT)) != NULL)
        found("content", opcode);
    if (memmem(reply, length, OUTSIDE_NAME, strlen(OUTSIDE_NAME)) != NULL)
        found("a name", opcode);
    const uint64_t size = OUTSIDE_BYTES;
    if (opcode != FUSE_READ && memmem(reply, length, &size, sizeof size) != NULL)
        found("a size", opcode);
}

/* Returns whether it was served. */
static int attack(int fd, uint32_t opcode, uint64_t node, const void *body, size_t count)
{
    size_t length;
    if (exchange(fd, opcode, node, body, count, &length) != 0)
        return 0;
    served++;
    examine(opcode, length);
    return 1;
}

static void keep(uint64_t node)
{
    size_t at = node_count < MAX_NODES ? node_count++ : 2 + (size_t)rand() % (MAX_NODES - 2);
    nodes[at] = node;
}

static void look_up(int fd)
{
    /* That name is never one of the mount, so no other request may make it there. */
    const char *name = rand() % 8 == 0 ? OUTSIDE_NAME : some_name();
    if (attack(fd, FUSE_LOOKUP, some_node(), name, strlen(name) + 1)) {
        uint64_t node = ((const struct fuse_entry_out *)reply)->nodeid;
        if (node != 0)
            keep(node);
    }
}

static void open_and_read(int fd)
{
    const struct fuse_open_in how = {0};
    uint64_t node = some_node();
    if (attack(fd, FUSE_OPEN, node, &how, sizeof how)) {
        const struct fuse_release_in old = {.fh = open_handle};
        uint64_t handle = ((const struct fuse_open_out *)reply)->fh;
        (void)exchange(fd, FUSE_RELEASE, open_node, &old, sizeof old, NULL);
        open_node = node;
        open_handle = handle;
    }
    const struct fuse_read_in part = {.fh = open_handle, .size = 4096};
    (void)attack(fd, FUSE_READ, open_node, &part, sizeof part);
}

static void list(int fd)
{
    const struct fuse_read_in part = {.size = 4096};
    (void)attack(fd, FUSE_READDIRPLUS, some_node(), &part, sizeof part);
}

/* A request whose body is fixed bytes and then one or two names. */
static void with_names(int fd, uint32_t opcode, const void *fixed, size_t count, const char *first, const char *second)
{
    uint8_t body[512];
    size_t length = strlen(first) + 1;
    memcpy(body, fixed, count);
    memcpy(body + count, first, length);
    count += length;
    if (second != NULL) {
        length = strlen(second) + 1;
        memcpy(body + count, second, length);
        count += length;
    }
    (void)attack(fd, opcode, some_node(), body, count);
}

static void change_names(int fd, const char *outside)
{
    const struct fuse_rename2_in to = {.newdir = some_node(), .flags = (uint32_t)rand() % 3};
    const struct fuse_link_in from = {.oldnodeid = some_node()};
    switch (rand() % 4) {
    case 0:
        with_names(fd, FUSE_RENAME2, &to, sizeof to, some_name(), some_name());
        break;
    case 1:
        with_names(fd, FUSE_LINK, &from, sizeof from, some_name(), NULL);
        break;
    case 2:
        with_names(fd, FUSE_SYMLINK, "", 0, some_name(), rand() % 2 == 0 ? outside : "../outside");
        break;
    default:
        with_names(fd, FUSE_UNLINK, "", 0, some_name(), NULL);
    }
}

static void race(int fd, const char *outside)
{
    const struct fuse_getattr_in attributes = {0};
    switch (rand() % 6) {
    case 0:
        (void)attack(fd, FUSE_GETATTR, some_node(), &attributes, sizeof attributes);
        break;
    case 1:
        (void)attack(fd, FUSE_READLINK, some_node(), "", 0);
        break;
    case 2:
        open_and_read(fd);
        break;
    case 3:
        list(fd);
        break;
    case 4:
        change_names(fd, outside);
        break;
    default:
        look_up(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: file_race MOUNT SECONDS OUTSIDE\n");
        return 2;
    }
    int fd = steal_port("gondolin.fs");
    stop_agent();
    if (exchange(fd, FUSE_LOOKUP, FUSE_ROOT_ID, argv[1], strlen(argv[1]) + 1, NULL) != 0)
        die("the mount");
    keep(((const struct fuse_entry_out *)reply)->nodeid);
    keep(FUSE_ROOT_ID);
    srand((unsigned)time(NULL));
    unsigned long sent = 0;
    for (time_t end = time(NULL) + atoi(argv[2]); time(NULL) < end && leaks < 20; sent++)
        race(fd, argv[3]);
    /* The agent continues when this program, which traces it, ends. */
    (void)printf("%lu sent, %lu served, %lu leaks\n", sent, served, leaks);
    return 0;
}
