/* The child's half of an EXEC: becomes the user, enters the directory, runs the program. */
#ifndef GONDOLIN_EXEC_CHILD_H
#define GONDOLIN_EXEC_CHILD_H

#include "message.h"

struct exec_child {
    const struct exec_request *request;
    /* stdin, stdout, stderr. */
    int stdio[3];
};

/* For process_spawn(), with a struct exec_child; never returns. */
void exec_child_run(const void *context) __attribute__((noreturn));

#endif
