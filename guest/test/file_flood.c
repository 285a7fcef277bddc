/*
 * Attacks the file channel as a hostile guest does. Run inside a guest by test/fixtures/flooded-file-host.ts:
 * `file_flood reads MOUNT FILE` asks for 1 MiB of a file again and again and reads no reply; `file_flood plus MOUNT
 * DIRECTORY` sends READDIRPLUS requests as fast as they are taken, and drops the replies. Both need root: they stop the
 * agent and take its port. MOUNT is a name under the FUSE root. `file_flood listings PATH COUNT` opens and reads a
 * directory that many times, as any user, and keeps all open.
 */
#include "fuse_port.h"

#define TRANSFER_BYTES (1024 * 1024)
/* Sends one request that must succeed; returns the body of its reply. */
static const void *ask(int fd, uint32_t opcode, uint64_t node, const void *body, size_t count)
{
    int error = exchange(fd, opcode, node, body, count, NULL);
    if (error != 0) {
        errno = error;
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
