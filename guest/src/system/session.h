/*
 * The audit session of each command. Every descendant inherits its number, whichever cgroup, process group or namespace
 * it moves to, so it finds what leaves the command's cgroup.
 */
#ifndef GONDOLIN_SESSION_H
#define GONDOLIN_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens /proc, so that later changes of that path do not matter. 0, or -1 with errno. */
int session_init(void);

/* Returns the descriptor of /proc. */
int session_proc(void);

/* In a child: begins a session of the login user `uid`. Returns its number, or 0 if the kernel has none. */
uint32_t session_begin(uid_t uid);

/*
 * Kills every process of the session, for about 100 ms at most. False if one was left; `has_found` becomes true if
 * there was one. Reads all of /proc and waits: not for the loop.
 */
bool session_kill(uint32_t id, bool *has_found);

#endif
