/*
 * A machine that was saved and restored has lost the streams of its keeper. `gondolin-js --attach`, a command of the new
 * host, passes its own streams to the keeper over a local socket, and stays for as long as the keeper uses them.
 */
#ifndef GONDOLIN_JS_ATTACH_H
#define GONDOLIN_JS_ATTACH_H

#include <stdint.h>

/* For the keeper: a socket that listens at a path; -1 where there can be none. */
int attach_listen(const char *path);

/*
 * For the keeper: waits for a command, takes its streams as standard input and output, and the id of the snapshot that its
 * host restores. Returns the connection, which tells the command when it is closed that its streams are no longer used.
 */
int attach_accept(int listener, uint32_t *id);

/* The command: passes its streams to the keeper that listens at the path. Returns an exit code when the keeper has ended. */
int attach_run(const char *path, uint32_t id);

#endif
