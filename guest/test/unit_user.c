#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/user.h"
#include "unit.h"

static char passwd_path[] = "/tmp/gondolin-passwd-XXXXXX";
static char group_path[] = "/tmp/gondolin-group-XXXXXX";

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (long)strlen(text));
    (void)close(fd);
}

static enum user_result look_up(const char *spec, struct user *user)
{
    return user_lookup(spec, passwd_path, group_path, user);
}

void unit_user(void)
{
    static struct user user;
    write_file(passwd_path, "root:x:0:0:root:/root:/bin/bash\n#broken\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n");
    write_file(group_path, "root:x:0:\nann:x:1000:\nstaff:x:50:ann,root\nbad\n");
    CHECK(look_up("", &user) == USER_OK && user.uid == 0 && user.gid == 0);
    CHECK(look_up("ann", &user) == USER_OK && user.uid == 1000 && user.gid == 1000);
    CHECK(user.group_count >= 1 && strcmp(user.home, "/home/ann") == 0);
    CHECK(look_up("ann:staff", &user) == USER_OK && user.gid == 50);
    CHECK(look_up("4242", &user) == USER_OK && user.uid == 4242 && user.gid == 0);
    CHECK(look_up("4242:77", &user) == USER_OK && user.uid == 4242 && user.gid == 77);
    CHECK(look_up("nobody-here", &user) == USER_UNKNOWN);
    CHECK(look_up("ann:nogroup-here", &user) == USER_UNKNOWN_GROUP);
    CHECK(look_up("ann:", &user) != USER_OK);
    CHECK(look_up("99999999999", &user) != USER_OK);
    (void)unlink(passwd_path);
    (void)unlink(group_path);
    /* A file that is not regular holds no users, and opening it does not wait. */
    CHECK(mkfifo(passwd_path, 0600) == 0 && mkfifo(group_path, 0600) == 0);
    CHECK(look_up("", &user) == USER_OK && user.uid == 0);
    CHECK(look_up("1000:77", &user) == USER_OK && user.uid == 1000 && user.gid == 77);
    CHECK(look_up("ann", &user) == USER_UNREADABLE);
    CHECK(look_up("0:staff", &user) == USER_UNREADABLE);
    (void)unlink(passwd_path);
    (void)unlink(group_path);
}
