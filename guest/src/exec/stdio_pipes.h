/* The three streams of an EXEC and their pipes. */
#ifndef GONDOLIN_STDIO_PIPES_H
#define GONDOLIN_STDIO_PIPES_H

#include "channel/message.h"
#include "exec/record.h"
#include "runtime/failure.h"

/*
 * Takes the streams of the request and makes their pipes; the caller closes the child's ends, `child_ends`. On failure
 * returns false with `failure`; then call stdio_pipes_drop().
 */
bool stdio_pipes_connect(struct exec *exec, const struct exec_request *request, int child_ends[3],
                         struct failure *failure);

/* The program runs: starts to read its output, and sends EOF on the stream of its stdin. */
void stdio_pipes_start(struct exec *exec);

/* Ends the streams of an EXEC that will not run. */
void stdio_pipes_drop(struct exec *exec);

/* The process is dead: its output is what is in its pipes now. */
void stdio_pipes_finish(struct exec *exec);

#endif
