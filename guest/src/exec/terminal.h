/*
 * The terminal of a command: its size and its input. What the command writes to it is an output pipe (output_pipe.h).
 *
 * The end of the input is what it is at a keyboard: the end-of-file character, pressed whenever the command has nothing
 * left to read, since a program may drop one (a shell that changes to its line editor does). A reset of either stream
 * hangs the terminal up: the kernel sends SIGHUP.
 */
#ifndef GONDOLIN_TERMINAL_H
#define GONDOLIN_TERMINAL_H

#include "channel/message.h"
#include "channel/mux.h"

struct terminal;

/*
 * Opens a terminal. `slave` becomes the command's end of it, and `output_fd` the descriptor to read its output from, both
 * the caller's. NULL with errno.
 */
struct terminal *terminal_open(const struct terminal_size *size, int *slave, int *output_fd);

/* Types what comes on the stream. Calls `on_hang_up(owner)` once if the host resets it. */
void terminal_attach(struct terminal *terminal, struct mux_stream *stream, void *owner,
                     void (*on_hang_up)(void *owner));

/* The command runs: types what has come so far. Without an input, its end is typed. */
void terminal_start(struct terminal *terminal);

/* 0, or -1 with errno. */
int terminal_resize(const struct terminal *terminal, const struct terminal_size *size);

/*
 * Frees the terminal, and resets the stream of its input for `reason` unless that has ended. It hangs up once the output
 * pipe is closed as well.
 */
void terminal_close(struct terminal *terminal, uint32_t reason);

#endif
