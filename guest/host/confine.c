/*
 * Runs a host program (QEMU, which a guest may have escaped into) with as few rights as possible.
 *
 *   gondolin-confine --parent PID [--user ID --group ID] [--root | --landlock] [--dir PATH]... [--file PATH]...
 *       [--data PATH]... [--device PATH]... [--counter-khz RATE] -- PROGRAM [ARGUMENT]...
 *
 * The program keeps its pid, dies with its parent, can gain no privileges, writes no core file (which would hold guest
 * memory) and has no capability. --user and --group set its ids (root only). --root gives it namespaces for files,
 * network, IPC and host name; it sees only the listed files, under the same paths: --dir and --file read-only, --data
 * writable. --landlock, for hosts without namespaces, lets it open only these files, and make no socket. A path that
 * does not exist is left out. With --counter-khz it starts only where the processor's counter runs at this rate.
 * src/host/confinement.ts calls this; docs/decisions/0016-confinement.md says why.
 */
#include "confine.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ITEMS 64
/* The former root, while the new one is filled. */
#define FORMER "/.former"
#define NO_ID ((uid_t)-1)

struct options {
    pid_t parent;
    uid_t user;
    gid_t group;
    int has_root;
    int has_landlock;
    /* 0 for any. */
    unsigned long counter_khz;
    struct item items[MAX_ITEMS];
    size_t item_count;
    char **command;
};

void die(const char *stage)
{
    (void)fprintf(stderr, "gondolin-confine: %s: %s\n", stage, strerror(errno));
    exit(CANNOT_START);
}

void check(int result, const char *stage)
{
    if (result != 0)
        die(stage);
}

static unsigned long parse_number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || value >= UINT_MAX) {
        errno = EINVAL;
        die(text);
    }
    return value;
}

static void add_item(struct options *options, enum kind kind, const char *path)
{
    errno = path[0] == '/' ? E2BIG : EINVAL;
    if (path[0] != '/' || options->item_count == MAX_ITEMS)
        die(path);
    struct stat status;
    int is_link = kind == KIND_DIRECTORY && lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    options->items[options->item_count++] =
        (struct item){.kind = kind, .path = path, .real = realpath(path, NULL), .is_link = is_link};
}

static void parse_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--parent") == 0)
        options->parent = (pid_t)parse_number(value);
    else if (strcmp(name, "--user") == 0)
        options->user = (uid_t)parse_number(value);
    else if (strcmp(name, "--group") == 0)
        options->group = (gid_t)parse_number(value);
    else if (strcmp(name, "--counter-khz") == 0)
        options->counter_khz = parse_number(value);
    else if (strcmp(name, "--dir") == 0)
        add_item(options, KIND_DIRECTORY, value);
    else if (strcmp(name, "--file") == 0)
        add_item(options, KIND_FILE, value);
    else if (strcmp(name, "--data") == 0)
        add_item(options, KIND_DATA, value);
    else if (strcmp(name, "--device") == 0)
        add_item(options, KIND_DEVICE, value);
    else {
        errno = EINVAL;
        die(name);
    }
}

static struct options parse(char **argv)
{
    struct options options = {.user = NO_ID, .group = NO_ID};
    char **at = argv + 1;
    while (*at != NULL && strcmp(*at, "--") != 0) {
        if (strcmp(*at, "--root") == 0) {
            options.has_root = 1;
            at += 1;
        } else if (strcmp(*at, "--landlock") == 0) {
            options.has_landlock = 1;
            at += 1;
        } else {
            errno = EINVAL;
            if (at[1] == NULL)
                die(*at);
            parse_option(&options, at[0], at[1]);
            at += 2;
        }
    }
    errno = EINVAL;
    if (*at == NULL || at[1] == NULL || options.parent == 0 || (options.user == NO_ID) != (options.group == NO_ID))
        die("usage");
    options.command = at + 1;
    return options;
}

/* --- a root of its own --- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (long)strlen(text))
        die(path);
    (void)close(fd);
}

/* An ordinary user may have namespaces below a user namespace; its ids stay the same. */
static void enter_user_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];
    check(unshare(CLONE_NEWUSER), "user namespace");
    write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "%u %u 1", uid, uid);
    write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "%u %u 1", gid, gid);
    write_file("/proc/self/gid_map", map);
}

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            die(path);
        *slash = '/';
    }
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0)
        die(path);
    (void)close(fd);
}

/* Inside a user namespace the flags of a mount cannot be removed. */
static void restrict_mount(const char *path, unsigned long flags)
{
    struct statvfs status;
    check(statvfs(path, &status), path);
    static const struct {
        unsigned long shown;
        unsigned long flag;
    } kept[] = {{ST_RDONLY, MS_RDONLY},        {ST_NODEV, MS_NODEV},     {ST_NOEXEC, MS_NOEXEC},
                {ST_NOSUID, MS_NOSUID},        {ST_NOATIME, MS_NOATIME}, {ST_RELATIME, MS_RELATIME},
                {ST_NODIRATIME, MS_NODIRATIME}};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        flags |= (status.f_flag & kept[i].shown) != 0 ? kept[i].flag : 0;
    check(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | flags, NULL), path);
}

static void bind_item(const struct item *item, const char *source)
{
    static const unsigned long flags[] = {
        [KIND_DIRECTORY] = MS_RDONLY | MS_NOSUID | MS_NODEV,
        [KIND_FILE] = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
        [KIND_DATA] = MS_NOSUID | MS_NODEV | MS_NOEXEC,
        [KIND_DEVICE] = MS_NOSUID | MS_NOEXEC,
    };
    check(mount(source, item->path, NULL, MS_BIND | MS_REC, NULL), item->path);
    restrict_mount(item->path, flags[item->kind]);
}

/* Copies a file that the program's user may not read in its place. */
static void copy_file(const char *source, const char *target)
{
    int from = open(source, O_RDONLY | O_CLOEXEC);
    int to = open(target, O_WRONLY | O_CLOEXEC);
    if (from < 0 || to < 0)
        die(target);
    long count;
    while ((count = sendfile(to, from, NULL, 1 << 30)) > 0)
        ;
    check(count < 0, target);
    (void)close(from);
    (void)close(to);
}

/* Makes a device node, which the program's user may open whatever the mode of the host's. */
static int make_device(const char *target, const struct stat *status)
{
    return mknod(target, S_IFCHR | 0666, status->st_rdev) == 0 && chmod(target, 0666) == 0;
}

static void copy_link(const char *source, const char *target)
{
    char text[PATH_MAX] = "";
    if (readlink(source, text, sizeof text - 1) < 0 || symlink(text, target) != 0)
        die(target);
}

static void show_item(const struct item *item, int is_other_user)
{
    char source[PATH_MAX];
    char target[PATH_MAX];
    struct stat status;
    if (item->real == NULL || access(item->path, F_OK) == 0)
        return;
    const char *from = item->is_link ? item->path : item->real;
    if (snprintf(source, sizeof source, FORMER "%s", from) >= (int)sizeof source ||
        snprintf(target, sizeof target, "%s", item->path) >= (int)sizeof target) {
        errno = ENAMETOOLONG;
        die(item->path);
    }
    check(lstat(source, &status), source);
    make_parents(target);
    if (item->is_link) {
        copy_link(source, target);
    } else if (S_ISDIR(status.st_mode)) {
        check(mkdir(target, 0755), target);
        bind_item(item, source);
    } else if (item->kind != KIND_DEVICE || !is_other_user || !make_device(target, &status)) {
        make_file(target);
        if (item->kind == KIND_FILE && is_other_user && (status.st_mode & S_IROTH) == 0)
            copy_file(source, target);
        else
            bind_item(item, source);
    }
}

static void enter_root(const struct options *options)
{
    if (geteuid() != 0)
        enter_user_namespace();
    check(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "namespaces");
    check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
    check(mount("gondolin", "/tmp", "tmpfs", MS_NOSUID, "mode=755"), "new root");
    check(mkdir("/tmp" FORMER, 0700), "former root");
    check((int)syscall(SYS_pivot_root, "/tmp", "/tmp" FORMER), "pivot_root");
    check(chdir("/"), "/");
    for (size_t i = 0; i < options->item_count; i++)
        show_item(&options->items[i], options->user != NO_ID);
    check(umount2(FORMER, MNT_DETACH), "former root");
    check(rmdir(FORMER), "former root");
    check(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL), "read-only root");
}

/* --- fewer rights --- */

static void drop_capability_bounds(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* Refused to a caller without the right, which PR_SET_NO_NEW_PRIVS below leaves with no rights at all. */
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static void change_ids(const struct options *options)
{
    if (options->user == NO_ID)
        return;
    check(setgroups(0, NULL), "groups");
    check(setresgid(options->group, options->group, options->group), "group");
    check(setresuid(options->user, options->user, options->user), "user");
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    check((int)syscall(SYS_capset, &header, none), "capabilities");
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
}

/* After the ids: the kernel resets it when they change. If the parent has ended before, the program ends at once. */
static void die_with_parent(pid_t parent)
{
    check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "parent's death");
    if (getppid() != parent)
        exit(CANNOT_START);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct counter_sample first = counter_sample();
    struct options options = parse(argv);
    check(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), "core limit");
    (void)umask(022);
    if (options.has_root)
        enter_root(&options);
    (void)umask(077);
    drop_capability_bounds();
    change_ids(&options);
    drop_capabilities();
    die_with_parent(options.parent);
    if (options.has_landlock) {
        restrict_files(options.items, options.item_count);
        forbid_sockets();
    }
    if (options.counter_khz != 0)
        counter_check(&first, options.counter_khz);
    (void)execv(options.command[0], options.command);
    die(options.command[0]);
}
