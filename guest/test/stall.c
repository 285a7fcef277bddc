/*
 * Makes the agent wait, as root of the guest can: run inside a guest by test/vm/guest-root.test.ts.
 *   stall file PATH   mounts a file at PATH that opens and never replies to a read, until this program ends
 *   stall agent       stops the agent's loop, until this program ends
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (128 * 1024)

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void answer(int fd, uint64_t unique, const void *body, size_t count)
{
    static uint8_t bytes[256];
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + count), .unique = unique};
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, body, count);
    if (write(fd, bytes, header.len) < 0)
        die("answer");
}

static void serve(int fd)
{
    static uint8_t request[BUFFER_BYTES];
    const struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = 65536};
    const struct fuse_attr_out attributes = {.attr = {.ino = 1, .size = 4096, .mode = S_IFREG | 0644, .nlink = 1}};
    const struct fuse_open_out opened = {.fh = 1};
    for (;;) {
        if (read(fd, request, sizeof request) < 0) {
            if (errno == EINTR || errno == ENOENT)
                continue;
            die("read");
        }
        const struct fuse_in_header *header = (const void *)request;
        if (header->opcode == FUSE_INIT)
            answer(fd, header->unique, &init, sizeof init);
        else if (header->opcode == FUSE_GETATTR)
            answer(fd, header->unique, &attributes, sizeof attributes);
        else if (header->opcode == FUSE_OPEN)
            answer(fd, header->unique, &opened, sizeof opened);
        /* The rest waits: once taken, not even SIGKILL ends it. */
    }
}

static void stall_file(const char *path)
{
    char options[128];
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other", fd);
    if (fd < 0 || mount("stall", path, "fuse", 0, options) != 0)
        die(path);
    (void)puts("stalled");
    (void)fflush(stdout);
    serve(fd);
}

static void stall_agent(void)
{
    int status;
    if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, 1, NULL, NULL) != 0)
        die("ptrace");
    if (waitpid(1, &status, __WALL) != 1)
        die("waitpid");
    for (;;)
        (void)pause();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "file") == 0)
        stall_file(argv[2]);
    if (argc == 2 && strcmp(argv[1], "agent") == 0)
        stall_agent();
    (void)fprintf(stderr, "usage: stall file PATH | stall agent\n");
    return 2;
}
