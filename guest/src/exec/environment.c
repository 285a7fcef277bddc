#include "exec/environment.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

bool environment_create(struct environment *environment, size_t count)
{
    environment->entries = malloc((count + ENVIRONMENT_MAX_DEFAULTS + 1) * sizeof *environment->entries);
    return environment->entries != NULL;
}

void environment_free(struct environment *environment)
{
    free(environment->entries);
}

void environment_set(struct environment *environment, char *const *variables, size_t count)
{
    memcpy(environment->entries, variables, count * sizeof environment->entries[0]);
    environment->entries[count] = NULL;
}

const char *environment_get(const struct environment *environment, const char *name)
{
    size_t length = strlen(name);
    for (char **entry = environment->entries; *entry != NULL; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return NULL;
}

static void add_default(struct environment *environment, size_t number, const char *name, const char *value)
{
    if (environment_get(environment, name) != NULL || *value == '\0')
        return;
    char *text = environment->default_texts[number];
    char **end = environment->entries;
    while (*end != NULL)
        end++;
    size_t name_length = strlen(name);
    size_t value_length = strnlen(value, USER_MAX_TEXT - 1);
    memcpy(text, name, name_length);
    text[name_length] = '=';
    memcpy(text + name_length + 1, value, value_length);
    text[name_length + 1 + value_length] = '\0';
    end[0] = text;
    end[1] = NULL;
}

void environment_add_defaults(struct environment *environment, const struct user *user)
{
    add_default(environment, 0, "HOME", user->home);
    add_default(environment, 1, "USER", user->name);
    add_default(environment, 2, "LOGNAME", user->name);
    add_default(environment, 3, "SHELL", user->shell);
    add_default(environment, 4, "PATH", DEFAULT_PATH);
}
