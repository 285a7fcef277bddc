/* Reads a text file line by line without malloc, for the child of a program with threads. Uses 64 KiB of stack. */
#ifndef GONDOLIN_LINES_H
#define GONDOLIN_LINES_H

/*
 * Calls `visit(line, context)` for each line, NUL-terminated and without its newline, until it returns non-zero. Lines
 * longer than 64 KiB are skipped. Returns that value; 0 at the end or if the file does not exist; -1 with errno on an
 * error: EINVAL if it is not a regular file, EFBIG above 16 MiB.
 */
int lines_each(const char *path, int (*visit)(char *line, void *context), void *context);

#endif
