#include "file/edits.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "channel/wire.h"
#include "file/watchers.h"
#include "protocol.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define MAX_WAITING 4096
/* Between two looks through the guest's processes, which cost milliseconds. */
#define SCAN_PAUSE_MS 50

struct edit {
    struct edit *next;
    uint32_t token;
    uint8_t action;
    uint64_t directory_inode;
    uint64_t file_inode;
    char *path;
    char *new_path;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t added = PTHREAD_COND_INITIALIZER;
/* Guarded by `lock`. */
static struct edit *first;
static struct edit **end = &first;
static size_t waiting;

static void free_edit(struct edit *edit)
{
    free(edit->path);
    free(edit->new_path);
    free(edit);
}

static void append(struct edit *edit)
{
    (void)pthread_mutex_lock(&lock);
    bool has_room = waiting < MAX_WAITING;
    if (has_room) {
        *end = edit;
        end = &edit->next;
        waiting++;
        (void)pthread_cond_signal(&added);
    }
    (void)pthread_mutex_unlock(&lock);
    if (!has_room)
        free_edit(edit);
}

void edits_add(const uint8_t *message, size_t length)
{
    struct edit *edit = calloc(1, sizeof *edit);
    if (edit == NULL)
        return;
    struct wire_reader reader;
    wire_reader_init(&reader, message + GONDOLIN_MIN_FUSE_MESSAGE_BYTES, length - GONDOLIN_MIN_FUSE_MESSAGE_BYTES);
    edit->token = wire_read_u32(&reader);
    edit->action = wire_read_u8(&reader);
    edit->directory_inode = wire_read_u64(&reader);
    edit->file_inode = wire_read_u64(&reader);
    edit->path = wire_read_string(&reader, GONDOLIN_MAX_EDIT_PATH_BYTES);
    edit->new_path = wire_read_string(&reader, GONDOLIN_MAX_EDIT_PATH_BYTES);
    if (reader.failed || edit->path == NULL || edit->new_path == NULL) {
        log_warning("file channel: a malformed edit");
        free_edit(edit);
        return;
    }
    append(edit);
}

/* Takes all that wait, in order. */
static struct edit *take_all(void)
{
    (void)pthread_mutex_lock(&lock);
    while (first == NULL)
        (void)pthread_cond_wait(&added, &lock);
    struct edit *all = first;
    first = NULL;
    end = &first;
    waiting = 0;
    (void)pthread_mutex_unlock(&lock);
    return all;
}

/* Opens what is at a path of the mount; never follows a link, which the guest may have made. */
static int open_below(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? 0644 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Splits a path: opens its directory and points to its last name. */
static int open_parent(int root, char *path, const char **name)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return -1;
    *slash = '\0';
    int directory = open_below(root, path, O_PATH | O_DIRECTORY);
    *slash = '/';
    *name = slash + 1;
    return directory;
}

static void repeat_write(int root, const char *path)
{
    struct stat status;
    AUTO_CLOSE int fd = open_below(root, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &status) == 0)
        (void)ftruncate(fd, status.st_size);
}

static void repeat_attributes(int root, const char *path)
{
    struct stat status;
    char link[32];
    AUTO_CLOSE int fd = open_below(root, path, O_PATH | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0 || S_ISLNK(status.st_mode))
        return;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    (void)chmod(link, status.st_mode & 07777);
}

/* The contents that the host wrote into it are a modification. */
static void make_file(int directory, const char *name)
{
    struct stat status;
    AUTO_CLOSE int fd = openat(directory, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0)
        (void)ftruncate(fd, status.st_size);
}

static void repeat_name(int root, const struct edit *edit)
{
    const char *name;
    AUTO_CLOSE int directory = open_parent(root, edit->path, &name);
    if (directory < 0)
        return;
    if (edit->action == GONDOLIN_EDIT_MAKE_FILE)
        make_file(directory, name);
    else if (edit->action == GONDOLIN_EDIT_MAKE_DIRECTORY)
        (void)mkdirat(directory, name, 0755);
    else if (edit->action == GONDOLIN_EDIT_MAKE_LINK)
        (void)symlinkat("link", directory, name);
    else if (edit->action == GONDOLIN_EDIT_REMOVE_FILE)
        (void)unlinkat(directory, name, 0);
    else if (edit->action == GONDOLIN_EDIT_REMOVE_DIRECTORY)
        (void)unlinkat(directory, name, AT_REMOVEDIR);
}

static void repeat_rename(int root, const struct edit *edit)
{
    const char *name;
    const char *new_name;
    AUTO_CLOSE int from = open_parent(root, edit->path, &name);
    AUTO_CLOSE int to = open_parent(root, edit->new_path, &new_name);
    if (from >= 0 && to >= 0)
        (void)renameat(from, name, to, new_name);
}

static void repeat(int root, const struct edit *edit)
{
    /* The host recognises the requests of this edit by it. A system call of its own: libc would change every thread. */
    (void)syscall(SYS_setfsgid, edit->token);
    if (edit->action == GONDOLIN_EDIT_WRITE)
        repeat_write(root, edit->path);
    else if (edit->action == GONDOLIN_EDIT_ATTRIBUTES)
        repeat_attributes(root, edit->path);
    else if (edit->action == GONDOLIN_EDIT_RENAME)
        repeat_rename(root, edit);
    else
        repeat_name(root, edit);
}

static bool is_watched(const struct edit *edit)
{
    return watchers_has(edit->directory_inode) || watchers_has(edit->file_inode);
}

/* One look through the processes for all edits that came before it. */
static void scan_for(const struct edit *all, unsigned device_minor)
{
    static uint64_t scanned_ms;
    bool is_known = true;
    for (const struct edit *edit = all; edit != NULL && is_known; edit = edit->next)
        is_known = is_watched(edit);
    if (is_known)
        return;
    uint64_t since_ms = loop_now_ms() - scanned_ms;
    if (since_ms < SCAN_PAUSE_MS) {
        const struct timespec pause = {.tv_nsec = (long)(SCAN_PAUSE_MS - since_ms) * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    watchers_scan(device_minor);
    scanned_ms = loop_now_ms();
}

/* The host's own user of these calls, with the rights of root on files. */
static void become_editor(void)
{
    (void)syscall(SYS_setfsuid, GONDOLIN_EDITOR_UID);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(data); i++)
        data[i].effective = data[i].permitted;
    (void)syscall(SYS_capset, &header, data);
}

void *edits_run(void *root)
{
    int root_fd = *(const int *)root;
    struct statx status = {0};
    become_editor();
    /* Known here: the host need not be asked. */
    (void)syscall(SYS_statx, root_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status);
    for (;;) {
        struct edit *all = take_all();
        scan_for(all, status.stx_dev_minor);
        while (all != NULL) {
            struct edit *next = all->next;
            if (is_watched(all))
                repeat(root_fd, all);
            free_edit(all);
            all = next;
        }
    }
    return NULL;
}
