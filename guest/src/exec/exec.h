/*
 * EXEC: from the request to EXITED, and the processes that it leaves.
 *
 * States: starting (on a thread) → running → (reaped) draining output → EXITED sent → (cgroup empty) forgotten.
 */
#ifndef GONDOLIN_EXEC_H
#define GONDOLIN_EXEC_H

#include <sys/types.h>

#include "channel/message.h"

/* Starts a process and moves the texts out of `request`; replies OK or FAILED once its program runs. */
void exec_start(uint32_t request_id, struct exec_request *request);

/* Replies OK or FAILED ESRCH, at once or when no process is left. */
void exec_kill(uint32_t request_id, const struct kill_request *request);

/* Gives the exec's terminal a new size, of which SIGWINCH notifies its foreground processes; replies. */
void exec_resize(uint32_t request_id, const struct resize_request *request);

/* A new host has connected: processes keep running, and it hears nothing of them but of the one that has the port. */
void exec_forget_all(void);

/* True if the only command is the program that has the port. */
bool exec_is_port_alone(void);

/* Handles a reaped child with this wait status; false if it does not belong to an EXEC. */
bool exec_on_reaped(pid_t pid, int status);

#endif
