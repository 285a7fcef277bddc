#include "file/java_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "runtime/path.h"
#include "runtime/util.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/* JVMs that are looked at in one directory. */
#define MAX_ENTRIES 256

static char store[PATH_MAX];

/* Directories that hold JVMs, one directory each: of distributions, Docker images, archives, sdkman, IDEs. */
static const char *const homes[] = {
    "/usr/lib/jvm", "/usr/lib64/jvm", "/usr/java", "/usr/local",  "/usr/local/lib/jvm",
    "/opt",         "/opt/java",      "/opt/jdk",  "/root/.jdks", "/root/.sdkman/candidates/java",
};

/* Java 9 and later, then the JRE and the JDK of Java 8. */
static const char *const security[] = {"lib/security", "jre/lib/security"};

/* The store that the JVMs of a distribution share: of Debian, Alpine and Arch; of Fedora, where it exists. */
#define DEBIAN_DIRECTORY "/etc/ssl/certs/java"
static const char *const shared[] = {DEBIAN_DIRECTORY, "/etc/pki/ca-trust/extracted/java"};

/* Returns true for a directory of root's that the host does not serve: nothing is ever written to a host mount. */
static bool may_change(int directory)
{
    struct stat status;
    struct statfs system;
    return fstat(directory, &status) == 0 && status.st_uid == 0 && (status.st_mode & S_IWOTH) == 0 &&
           fstatfs(directory, &system) == 0 && (unsigned long)system.f_type != FUSE_SUPER_MAGIC;
}

static bool leads_to_store(int directory, const char *name)
{
    char target[PATH_MAX];
    long length = readlinkat(directory, name, target, sizeof target);
    return length >= 0 && (size_t)length == strlen(store) && memcmp(target, store, (size_t)length) == 0;
}

/* Replaces the name by the link atomically: a reader finds the old or the new store. */
static void replace(int directory, const char *name)
{
    static const char next[] = ".gondolin-store";
    if (leads_to_store(directory, name))
        return;
    (void)unlinkat(directory, next, 0);
    /* A failure (above all a read-only file system) leaves the JVM with the roots that it has. */
    if (symlinkat(store, directory, next) == 0 && renameat(directory, next, directory, name) != 0)
        (void)unlinkat(directory, next, 0);
}

static void link_jvm(int homes_fd, const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(security); i++) {
        char path[NAME_MAX + 32];
        struct stat status;
        (void)snprintf(path, sizeof path, "%s/%s", name, security[i]);
        AUTO_CLOSE int directory = openat(homes_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (directory < 0 || !may_change(directory) || fstatat(directory, "cacerts", &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        replace(directory, "jssecacerts");
    }
}

static void link_jvms_below(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close_quietly(fd);
        return;
    }
    /* "." too: an image may have unpacked a JVM at /opt/java or /usr/local itself. */
    const struct dirent *entry;
    for (int i = 0; i < MAX_ENTRIES && (entry = readdir(directory)) != NULL; i++) {
        bool is_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
        if (is_directory && strcmp(entry->d_name, "..") != 0)
            link_jvm(fd, entry->d_name);
    }
    (void)closedir(directory);
}

static void link_shared(const char *path)
{
    AUTO_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (directory >= 0 && may_change(directory))
        replace(directory, "cacerts");
}

void java_store_link(void)
{
    /* One command at a time: the others, and those that come while a file system hangs, continue without it. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (store[0] == '\0' || pthread_mutex_trylock(&lock) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(shared); i++)
        link_shared(shared[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(homes); i++)
        link_jvms_below(homes[i]);
    (void)pthread_mutex_unlock(&lock);
}

void java_store_set(const char *path)
{
    if (snprintf(store, sizeof store, "%s", path) >= (int)sizeof store)
        store[0] = '\0';
    /* Made even without a JVM: a JVM that a package installs later starts with what it finds there. */
    (void)make_path(DEBIAN_DIRECTORY);
    java_store_link();
}
