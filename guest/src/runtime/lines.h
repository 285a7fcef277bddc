/* Lines of a text file without malloc: for children of a program with threads. Takes 64 KiB of stack. */
#ifndef GONDOLIN_LINES_H
#define GONDOLIN_LINES_H

/*
 * Calls `visit(line, context)` for each line, NUL-ended and without its newline, until it gives non-zero. Lines longer
 * than 64 KiB are skipped. Gives that value, 0 at the end or when the file does not exist, -1 with errno on an error: EINVAL
 * for what is no regular file, EFBIG above 16 MiB.
 */
int lines_each(const char *path, int (*visit)(char *line, void *context), void *context);

#endif
