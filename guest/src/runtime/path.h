/* Paths of the guest. */
#ifndef GONDOLIN_PATH_H
#define GONDOLIN_PATH_H

/* Makes a directory and its missing parents (0755). 0, or -1 with errno. Async-signal-safe. */
int make_path(const char *path);

#endif
