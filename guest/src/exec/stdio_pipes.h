/* The three streams of an EXEC and the pipes behind them. */
#ifndef GONDOLIN_EXEC_STDIO_H
#define GONDOLIN_EXEC_STDIO_H

#include "channel/message.h"
#include "exec/record.h"
#include "runtime/failure.h"

/*
 * Takes the streams of the request and makes their pipes; `child_ends` are the child's, for the caller to close. False with
 * `failure`: then exec_stdio_drop() what there is.
 */
bool exec_stdio_connect(struct exec *exec, const struct exec_request *request, int child_ends[3],
                        struct failure *failure);

/* The program runs: its output may be read, and no more will be sent on its stdin's stream. */
void exec_stdio_start(struct exec *exec);

/* Ends the streams of an EXEC that will not run. */
void exec_stdio_drop(struct exec *exec);

/* The process is dead: what is in its pipes now is its output. */
void exec_stdio_finish(struct exec *exec);

#endif
