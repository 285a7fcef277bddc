/* Children of the agent: how they start and how they report a failure. */
#ifndef GONDOLIN_PROCESS_H
#define GONDOLIN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../protocol.h"

/* Why a request failed: errno and the stage as it goes on the wire. */
struct failure {
    int error;
    char stage[1024];
};

/* Fills `failure` from errno and a printf-like stage; gives false, so that stages can end in `return failed(…)`. */
bool failed(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Starts a child that calls `run(context)`, which must not return, in a cgroup (cgroup_fd < 0: the agent's own). The
 * agent waits until the child has executed a program or ended, and its memory is the child's too: the child may use
 * system calls and memory of its own only, and must not call setuid() and the like of libc, which would signal the
 * agent's threads. The child's pid, or -1 with errno.
 */
pid_t process_spawn(int cgroup_fd, void (*run)(const void *), const void *context);

/* In a child: sends errno `error` and the stage `what` + `subject` to the agent over `fd`, then ends with status 127. */
void process_fail(int fd, int error, const char *what, const char *subject) __attribute__((noreturn));

/* In the agent: true when a failure was read from `fd`; false at end of file, which means success. */
bool process_read_failure(int fd, struct failure *failure);

#endif
