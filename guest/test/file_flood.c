/*
 * Attacks the file channel as a hostile guest does. Run inside a guest by test/fixtures/flooded-file-host.ts:
 * `file_flood reads MOUNT FILE` asks for 1 MiB of a file again and again and reads no reply; `file_flood plus MOUNT
 * DIRECTORY` sends READDIRPLUS requests as fast as they are taken, and drops the replies. Both need root: they stop the
 * agent and take its port. MOUNT is a name under the FUSE root. `file_flood listings PATH COUNT` opens and reads a
 * directory that many times, as any user, and keeps all open.
 */
#include <stddef.h>

#include <linux/fuse.h>

#include "agent_port.h"
#include "protocol.h"

#define TRANSFER_BYTES (1024 * 1024)
/* Far above the numbers that the agent's kernel has used. */
#define FIRST_UNIQUE 1000000000ULL

static uint8_t reply[GONDOLIN_MAX_FUSE_MESSAGE_BYTES];

static size_t put_request(uint8_t *bytes, uint32_t opcode, uint64_t node, const void *body, size_t count)
{
    static uint64_t unique = FIRST_UNIQUE;
    struct fuse_in_header header = {.len = (uint32_t)(sizeof header + count), .opcode = opcode, .nodeid = node};
    header.unique = ++unique;
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, body, count);
    return header.len;
}

static void read_all(int fd, uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long taken = read(fd, bytes, count);
        if (taken > 0) {
            bytes += taken;
            count -= (size_t)taken;
        } else {
            (void)usleep(1000);
        }
    }
}

/* Sends one request; returns the body of its reply. Replies to the agent's own requests are dropped. */
static const void *ask(int fd, uint32_t opcode, uint64_t node, const void *body, size_t count)
{
    uint8_t request[512];
    struct fuse_out_header header;
    send_all(fd, request, put_request(request, opcode, node, body, count));
    do {
        read_all(fd, (uint8_t *)&header, sizeof header);
        if (header.len < sizeof header || header.len > sizeof reply)
            die("reply");
        read_all(fd, reply, header.len - sizeof header);
    } while (header.unique < FIRST_UNIQUE);
    if (header.error != 0) {
        errno = -header.error;
        die("FUSE request");
    }
    return reply;
}

static uint64_t look_up(int fd, uint64_t parent, const char *name)
{
    return ((const struct fuse_entry_out *)ask(fd, FUSE_LOOKUP, parent, name, strlen(name) + 1))->nodeid;
}

static uint64_t open_file(int fd, uint64_t node)
{
    struct fuse_open_in body = {0};
    return ((const struct fuse_open_out *)ask(fd, FUSE_OPEN, node, &body, sizeof body))->fh;
}

/* Starts to read a directory, which is not opened; returns the position after its second entry. */
static uint64_t begin_listing(int fd, uint64_t node)
{
    struct fuse_read_in body = {.size = TRANSFER_BYTES};
    const struct fuse_dirent *first = ask(fd, FUSE_READDIR, node, &body, sizeof body);
    const uint8_t *second = (const uint8_t *)first + FUSE_DIRENT_SIZE(first);
    return ((const struct fuse_dirent *)second)->off;
}

/* Sends the same request until it is killed, a hundred in each write. */
static void repeat(int fd, uint32_t opcode, uint64_t node, const struct fuse_read_in *body)
{
    enum { BATCH = 100, BYTES = sizeof(struct fuse_in_header) + sizeof *body };
    static uint8_t bytes[BATCH * BYTES];
    for (;;) {
        for (int i = 0; i < BATCH; i++)
            (void)put_request(bytes + (size_t)i * BYTES, opcode, node, body, sizeof *body);
        send_all(fd, bytes, sizeof bytes);
    }
}

static void flood(const char *kind, const char *mount, const char *name)
{
    int fd = steal_port("gondolin.fs");
    stop_agent();
    uint64_t node = look_up(fd, look_up(fd, FUSE_ROOT_ID, mount), name);
    struct fuse_read_in body = {.size = TRANSFER_BYTES};
    if (strcmp(kind, "reads") == 0) {
        body.fh = open_file(fd, node);
        repeat(fd, FUSE_READ, node, &body);
    }
    body.offset = begin_listing(fd, node);
    if (fork() == 0)
        for (;;)
            read_all(fd, reply, sizeof reply);
    repeat(fd, FUSE_READDIRPLUS, node, &body);
}

static int open_listings(const char *path, int count)
{
    int listed = 0;
    for (int i = 0; i < count; i++) {
        DIR *directory = opendir(path);
        if (directory == NULL)
            die("opendir");
        if (readdir(directory) != NULL)
            listed++;
    }
    (void)printf("%d\n", listed);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: file_flood reads|plus MOUNT NAME | listings PATH COUNT\n");
        return 2;
    }
    if (strcmp(argv[1], "listings") == 0)
        return open_listings(argv[2], atoi(argv[3]));
    flood(argv[1], argv[2], argv[3]);
    return 0;
}
