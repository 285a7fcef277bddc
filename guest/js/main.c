/*
 * gondolin-js: runs JavaScript handlers for the host, as the one program of a guest. Start reading at keeper.h.
 *
 *     gondolin-js [--port]
 *
 * With --port, standard input and output are a virtio port.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "keeper.h"
#include "shared.h"

struct shared *shared;

int main(int argc, char **argv)
{
    bool is_port = argc == 2 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !is_port) {
        (void)fputs("usage: gondolin-js [--port]\n", stderr);
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("gondolin-js: shared memory");
        return 3;
    }
    frames_init(is_port);
    return keeper_run();
}
