#include "file/watchers.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>

#include "runtime/util.h"

/* Watches that are remembered; later ones are not: their programs see edits of the host only when they look. */
#define MAX_WATCHES 16384
#define INOTIFY_LINK "anon_inode:inotify"

static uint64_t inodes[MAX_WATCHES];
static size_t count;

static int compare(const void *left, const void *right)
{
    uint64_t one;
    uint64_t other;
    memcpy(&one, left, sizeof one);
    memcpy(&other, right, sizeof other);
    return one < other ? -1 : one > other;
}

/* Lines of proc(5): "inotify wd:1 ino:HEX sdev:HEX mask:…". A device of a file system without a disk is its minor number. */
static void read_watches(const char *path, unsigned device_minor)
{
    char line[512];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (count < MAX_WATCHES && fgets(line, sizeof line, file) != NULL) {
        const char *ino = strstr(line, " ino:");
        const char *device = strstr(line, " sdev:");
        if (strncmp(line, "inotify ", 8) == 0 && ino != NULL && device != NULL &&
            strtoul(device + 6, NULL, 16) == device_minor)
            inodes[count++] = strtoull(ino + 5, NULL, 16);
    }
    (void)fclose(file);
}

static bool is_number(const char *name)
{
    return isdigit((unsigned char)*name) != 0;
}

static void scan_process(const char *pid, unsigned device_minor)
{
    char path[NAME_MAX * 2];
    (void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
    AUTO_CLOSEDIR DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char target[sizeof INOTIFY_LINK];
        if (!is_number(entry->d_name))
            continue;
        long length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
        if (length != (long)strlen(INOTIFY_LINK) || memcmp(target, INOTIFY_LINK, (size_t)length) != 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, entry->d_name);
        read_watches(path, device_minor);
    }
}

void watchers_scan(unsigned device_minor)
{
    count = 0;
    AUTO_CLOSEDIR DIR *processes = opendir("/proc");
    if (processes == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(processes)) != NULL)
        if (is_number(entry->d_name))
            scan_process(entry->d_name, device_minor);
    qsort(inodes, count, sizeof inodes[0], compare);
}

bool watchers_has(uint64_t inode)
{
    return bsearch(&inode, inodes, count, sizeof inodes[0], compare) != NULL;
}
