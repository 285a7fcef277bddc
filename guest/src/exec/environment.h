/* The environment of a command: the variables of its request, and defaults for those that it lacks. */
#ifndef GONDOLIN_EXEC_ENVIRONMENT_H
#define GONDOLIN_EXEC_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "exec/user.h"

/* HOME, USER, LOGNAME, SHELL, PATH. */
#define ENVIRONMENT_MAX_DEFAULTS 5

struct environment {
    /* For execve(): ends with NULL. */
    char **entries;
    char default_texts[ENVIRONMENT_MAX_DEFAULTS][USER_MAX_TEXT + 16];
};

/* Makes room for `count` variables and the defaults; false without memory. */
bool environment_create(struct environment *environment, size_t count);
void environment_free(struct environment *environment);

/* Sets the variables, `NAME=value` each, which must outlive the environment. */
void environment_set(struct environment *environment, char *const *variables, size_t count);

/* Returns the value of a variable; NULL if it is not set. */
const char *environment_get(const struct environment *environment, const char *name);

/* Adds those of the user's variables, and of PATH, that are not set. */
void environment_add_defaults(struct environment *environment, const struct user *user);

#endif
