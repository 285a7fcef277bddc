/* Processes by descriptor, which unlike a number never means another process. */
#ifndef GONDOLIN_PROCESS_FD_H
#define GONDOLIN_PROCESS_FD_H

#include <stdbool.h>
#include <sys/types.h>

/* Returns a descriptor of the process, or -1 with errno. */
int process_fd_open(pid_t pid);

/* Kills the process; does nothing if it has ended. */
void process_fd_kill(int fd);

/* Waits until the process has ended, at most `limit_ms`. Returns true if it has. */
bool process_fd_wait(int fd, int limit_ms);

#endif
