#include "exec/user.h"

#include <stdbool.h>

#include "runtime/lines.h"
#include "runtime/util.h"

#define MAX_FIELDS 7

/* The entry to look up, and where the result goes. */
struct search {
    const char *text;
    bool is_number;
    unsigned long number;
    struct user *user;
    gid_t gid;
    bool is_overflow;
};

/* Decimal 0..4294967294 (the all-ones id means "none" to the kernel). */
static bool parse_id(const char *text, unsigned long *id)
{
    if (*text == '\0')
        return false;
    unsigned long value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned long)(*text - '0');
        if (value > UINT32_MAX - 1UL)
            return false;
    }
    *id = value;
    return true;
}

/* Splits `line` at its colons; returns how many fields it has, at most `max`. */
static size_t split_fields(char *line, char **fields, size_t max)
{
    size_t count = 0;
    while (count < max) {
        fields[count++] = line;
        char *colon = strchr(line, ':');
        if (colon == NULL)
            break;
        *colon = '\0';
        line = colon + 1;
    }
    return count;
}

static void copy_text(char *target, const char *source)
{
    size_t length = strnlen(source, USER_MAX_TEXT - 1);
    memcpy(target, source, length);
    target[length] = '\0';
}

static bool is_match(const struct search *search, const char *name, unsigned long id)
{
    return search->is_number ? id == search->number : strcmp(name, search->text) == 0;
}

/* name:password:uid:gid:comment:home:shell */
static int visit_passwd(char *line, void *context)
{
    struct search *search = context;
    char *fields[MAX_FIELDS];
    unsigned long uid;
    unsigned long gid;
    if (split_fields(line, fields, MAX_FIELDS) < MAX_FIELDS || !parse_id(fields[2], &uid) || !parse_id(fields[3], &gid))
        return 0;
    if (!is_match(search, fields[0], uid))
        return 0;
    search->user->uid = (uid_t)uid;
    search->user->gid = (gid_t)gid;
    copy_text(search->user->name, fields[0]);
    if (fields[5][0] == '/')
        copy_text(search->user->home, fields[5]);
    if (fields[6][0] == '/')
        copy_text(search->user->shell, fields[6]);
    return 1;
}

/* name:password:gid:members */
static int visit_group(char *line, void *context)
{
    struct search *search = context;
    char *fields[4];
    unsigned long gid;
    if (split_fields(line, fields, 4) < 3 || !parse_id(fields[2], &gid) || !is_match(search, fields[0], gid))
        return 0;
    search->gid = (gid_t)gid;
    return 1;
}

static bool has_member(char *members, const char *name)
{
    for (char *member = members; member != NULL;) {
        char *comma = strchr(member, ',');
        if (comma != NULL)
            *comma++ = '\0';
        if (strcmp(member, name) == 0)
            return true;
        member = comma;
    }
    return false;
}

static int visit_membership(char *line, void *context)
{
    struct search *search = context;
    char *fields[4];
    unsigned long gid;
    if (split_fields(line, fields, 4) < 4 || !parse_id(fields[2], &gid) || !has_member(fields[3], search->user->name))
        return 0;
    struct user *user = search->user;
    if (user->group_count == USER_MAX_GROUPS) {
        search->is_overflow = true;
        return 1;
    }
    user->groups[user->group_count++] = (gid_t)gid;
    return 0;
}

static enum user_result find_user(const char *text, const char *passwd_path, struct user *user)
{
    struct search search = {.text = text, .user = user};
    bool is_number = parse_id(text, &search.number);
    int found = lines_each(passwd_path, visit_passwd, &search);
    if (found > 0)
        return USER_OK;
    if (!is_number)
        return found < 0 ? USER_UNREADABLE : USER_UNKNOWN;
    search.is_number = true;
    user->uid = (uid_t)search.number;
    if (found == 0)
        (void)lines_each(passwd_path, visit_passwd, &search);
    return USER_OK;
}

static enum user_result find_group(const char *text, const char *group_path, struct user *user)
{
    struct search search = {.text = text, .user = user};
    int found = lines_each(group_path, visit_group, &search);
    if (found <= 0) {
        if (!parse_id(text, &search.number))
            return found < 0 ? USER_UNREADABLE : USER_UNKNOWN_GROUP;
        search.gid = (gid_t)search.number;
    }
    user->gid = search.gid;
    return USER_OK;
}

static enum user_result find_memberships(const char *text, const char *group_path, struct user *user)
{
    struct search search = {.user = user};
    bool is_number = parse_id(text, &search.number);
    if (user->name[0] != '\0' && lines_each(group_path, visit_membership, &search) < 0 && !is_number)
        return USER_UNREADABLE;
    return search.is_overflow ? USER_TOO_MANY_GROUPS : USER_OK;
}

enum user_result user_lookup(const char *spec, const char *passwd_path, const char *group_path, struct user *user)
{
    char text[USER_MAX_TEXT];
    *user = (struct user){.home = "/", .shell = "/bin/sh"};
    if (strlen(spec) >= sizeof text)
        return USER_UNKNOWN;
    copy_text(text, *spec == '\0' ? "0" : spec);
    char *group = strchr(text, ':');
    if (group != NULL)
        *group++ = '\0';
    if (text[0] == '\0' || (group != NULL && group[0] == '\0'))
        return USER_UNKNOWN;
    enum user_result result = find_user(text, passwd_path, user);
    if (result != USER_OK)
        return result;
    return group == NULL ? find_memberships(text, group_path, user) : find_group(group, group_path, user);
}

const char *user_strerror(enum user_result result)
{
    switch (result) {
    case USER_OK:
        return "no error";
    case USER_UNKNOWN:
        return "unknown user";
    case USER_UNKNOWN_GROUP:
        return "unknown group";
    case USER_TOO_MANY_GROUPS:
        return "too many groups";
    case USER_UNREADABLE:
        return "user database unreadable";
    }
    return "unknown user result";
}
