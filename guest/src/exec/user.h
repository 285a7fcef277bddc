/*
 * The user that a process runs as: looks a user spec up in passwd and group files. Runs in a forked child of a program
 * with threads, so it uses only system calls and its stack.
 */
#ifndef GONDOLIN_USER_H
#define GONDOLIN_USER_H

#include <stddef.h>
#include <sys/types.h>

#define USER_MAX_GROUPS 1024
#define USER_MAX_TEXT 512

enum user_result {
    USER_OK = 0,
    /* A name that the files lack, or a malformed spec. */
    USER_UNKNOWN,
    USER_UNKNOWN_GROUP,
    /* More than USER_MAX_GROUPS supplementary groups. */
    USER_TOO_MANY_GROUPS,
    /* A file exists but cannot be read; errno says why. */
    USER_UNREADABLE,
};

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_MAX_GROUPS];
    size_t group_count;
    char name[USER_MAX_TEXT];
    char home[USER_MAX_TEXT];
    char shell[USER_MAX_TEXT];
};

/*
 * `spec` is empty (uid 0), `UID[:GID]` or `NAME[:GROUP]`. A number without an entry is allowed: group 0, home `/`. An
 * explicit group replaces the supplementary ones, as in container engines. Missing files count as empty; for numbers,
 * so do files that cannot be read, so that root (an empty spec) can repair them.
 */
enum user_result user_lookup(const char *spec, const char *passwd_path, const char *group_path, struct user *user);

const char *user_strerror(enum user_result result);

#endif
