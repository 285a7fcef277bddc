/* The items that gondolin-confine shows to a program, and the limits that it can set. */
#ifndef GONDOLIN_CONFINE_H
#define GONDOLIN_CONFINE_H

#include <stddef.h>

enum kind { KIND_DIRECTORY, KIND_FILE, KIND_DATA, KIND_DEVICE };

/* Something of the host that the program may use. */
struct item {
    enum kind kind;
    const char *path;
    /* Resolved, without symbolic links; NULL if there is no such file. */
    const char *real;
    int is_link;
};

/* Prints the stage that failed with the text of errno, and exits. */
void die(const char *stage) __attribute__((noreturn));

/* Dies unless `result` is 0. */
void check(int result, const char *stage);

/* From here on this process opens nothing but `items`. Needs PR_SET_NO_NEW_PRIVS; dies on Linux before 6.2. */
void restrict_files(const struct item *items, size_t count);

/* From here on this process makes and connects no socket. Needs PR_SET_NO_NEW_PRIVS. */
void forbid_sockets(void);

#endif
