/* The files process: the agent's program, started as a guest user by FILES, which does file operations for the host. */
#ifndef GONDOLIN_FILES_PROGRAM_H
#define GONDOLIN_FILES_PROGRAM_H

/* argv[0] that makes main() run it. */
#define FILES_PROGRAM_NAME "gondolin-files"

/*
 * Serves the requests of stdin on stdout, one after the other, until stdin ends. Returns the exit code: 0, or 2 for a
 * request that is not of docs/protocol.md.
 */
int files_run(void);

#endif
