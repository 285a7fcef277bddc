/*
 * Confinement where the host allows no namespaces: Landlock decides about files, seccomp about sockets. Both need no
 * right. Unlike a root of its own they leave what is no opening of a file: attributes of files are seen, and those of
 * the user's own can be changed.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- files: landlock(7); headers older than the running kernel lack parts of it --- */

#define LANDLOCK_CREATE_RULESET 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT_SELF 446
#define ASK_VERSION 1u
#define RULE_PATH_BENEATH 1

#define RIGHT_EXECUTE (1ull << 0)
#define RIGHT_WRITE_FILE (1ull << 1)
#define RIGHT_READ_FILE (1ull << 2)
#define RIGHT_READ_DIR (1ull << 3)
#define RIGHT_TRUNCATE (1ull << 14)
#define RIGHT_IOCTL_DEV (1ull << 15)
#define ALL_RIGHTS_OF_VERSION_3 (RIGHT_IOCTL_DEV - 1)
/* Abstract Unix sockets, and signals to processes outside. */
#define SCOPE_ALL 3ull

/* Linux 6.2. Before, files that may not be written could be truncated. */
#define LEAST_VERSION 3
/* Linux 6.10 and 6.12. */
#define VERSION_WITH_IOCTL_DEV 5
#define VERSION_WITH_SCOPES 6

struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

struct path_rule {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));

static void allow(int ruleset, const struct item *item, uint64_t known)
{
    static const uint64_t rights[] = {
        [KIND_DIRECTORY] = RIGHT_READ_FILE | RIGHT_READ_DIR | RIGHT_EXECUTE,
        [KIND_FILE] = RIGHT_READ_FILE | RIGHT_EXECUTE,
        [KIND_DATA] = RIGHT_READ_FILE | RIGHT_WRITE_FILE | RIGHT_TRUNCATE,
        [KIND_DEVICE] = RIGHT_READ_FILE | RIGHT_WRITE_FILE | RIGHT_IOCTL_DEV,
    };
    struct stat status;
    struct path_rule rule = {.rights = rights[item->kind] & known, .fd = open(item->real, O_PATH | O_CLOEXEC)};
    if (rule.fd < 0)
        die(item->path);
    check(fstat(rule.fd, &status), item->path);
    if (!S_ISDIR(status.st_mode))
        rule.rights &= ~RIGHT_READ_DIR;
    check((int)syscall(LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0), item->path);
    (void)close(rule.fd);
}

void restrict_files(const struct item *items, size_t count)
{
    long version = syscall(LANDLOCK_CREATE_RULESET, NULL, 0, ASK_VERSION);
    if (version >= 0 && version < LEAST_VERSION)
        errno = EOPNOTSUPP;
    if (version < LEAST_VERSION)
        die("Landlock");
    struct ruleset wanted = {
        .files = ALL_RIGHTS_OF_VERSION_3 | (version >= VERSION_WITH_IOCTL_DEV ? RIGHT_IOCTL_DEV : 0),
        .scopes = version >= VERSION_WITH_SCOPES ? SCOPE_ALL : 0,
    };
    int ruleset = (int)syscall(LANDLOCK_CREATE_RULESET, &wanted, sizeof wanted, 0);
    if (ruleset < 0)
        die("Landlock");
    for (size_t i = 0; i < count; i++)
        if (items[i].real != NULL)
            allow(ruleset, &items[i], wanted.files);
    check((int)syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock");
    (void)close(ruleset);
}

/* --- sockets: seccomp(2) --- */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the system calls of this architecture are not known"
#endif
/* System calls of x32, a second numbering of x86-64, have it set. */
#define FIRST_X32_CALL 0x40000000u

#define REFUSED (SECCOMP_RET_ERRNO | EACCES)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), RETURN(REFUSED)

void forbid_sockets(void)
{
    /* io_uring makes sockets without a system call of their own. */
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_X32_CALL, 0, 1),
        RETURN(REFUSED),
        REFUSE(SYS_socket),
        REFUSE(SYS_connect),
        REFUSE(SYS_io_uring_setup),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "seccomp");
}
