/*
 * The audit session of each command. Every descendant inherits its number, whichever cgroup, process group or namespace it
 * goes to: what leaves the command's cgroup is found by it.
 */
#ifndef GONDOLIN_SESSION_H
#define GONDOLIN_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens /proc, whatever becomes of that path later. 0, or -1 with errno. */
int session_init(void);

/* The descriptor of /proc. */
int session_proc(void);

/* In a child: begins a session of the login user `uid`. Its number, or 0 where the kernel has none. */
uint32_t session_begin(uid_t uid);

/*
 * Kills every process of the session, for some 100 ms at most. False when one was left; `has_found` becomes true when there
 * was one. Reads all of /proc and waits: not in the loop.
 */
bool session_kill(uint32_t id, bool *has_found);

#endif
