#include "identity.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/random.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "root.h"
#include "util.h"

#define NS_PER_SECOND 1000000000ULL

static bool set_clock(uint64_t realtime_ns, struct failure *failure)
{
    const struct timespec time = {
        .tv_sec = (time_t)(realtime_ns / NS_PER_SECOND),
        .tv_nsec = (long)(realtime_ns % NS_PER_SECOND),
    };
    return clock_settime(CLOCK_REALTIME, &time) == 0 || failed(failure, "set the clock");
}

/* The kernel mixes written entropy in when it reseeds: both must come before any program asks for random numbers. */
static bool add_entropy(const struct wire_string *entropy, struct failure *failure)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[GONDOLIN_MAX_ENTROPY_BYTES];
    } pool;
    memset(&pool, 0, sizeof pool);
    pool.info.entropy_count = (int)entropy->length * 8;
    pool.info.buf_size = (int)entropy->length;
    memcpy((uint8_t *)&pool + sizeof pool.info, entropy->bytes, entropy->length);
    AUTO_CLOSE int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) != 0 || ioctl(fd, RNDRESEEDCRNG) != 0)
        return failed(failure, "add entropy");
    return true;
}

static bool set_hostname(const char *name, struct failure *failure)
{
    if (sethostname(name, strlen(name)) != 0)
        return failed(failure, "set the host name");
    static char last[GONDOLIN_MAX_HOSTNAME_BYTES + 1];
    if (strcmp(name, last) == 0)
        return true;
    (void)snprintf(last, sizeof last, "%s", name);
    char line[GONDOLIN_MAX_HOSTNAME_BYTES + 16];
    int length = snprintf(line, sizeof line, "127.0.1.1\t%s\n", name);
    AUTO_CLOSE int fd = open("/etc/hosts", O_WRONLY | O_APPEND | O_CLOEXEC);
    /* A sealed root keeps its file: the name still works through the kernel. */
    if (fd >= 0 && length > 0 && RETRY_EINTR(write(fd, line, (size_t)length)) < 0)
        return failed(failure, "write /etc/hosts");
    return true;
}

/* Shows the file `name` of the hidden directory at `target`, which must exist as a file. */
static int bind_hidden(const char *name, const char *target)
{
    AUTO_CLOSE int tree =
        (int)syscall(SYS_open_tree, root_hidden_directory(), name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -1;
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

/* A file with one line that the guest finds at `target`, wherever its root may be read-only. */
struct shown_file {
    const char *name;
    const char *target;
    bool is_bound;
};

static bool show(struct shown_file *file, const char *text, struct failure *failure)
{
    AUTO_CLOSE int fd =
        openat(root_hidden_directory(), file->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0)
        return failed(failure, "write %s", file->name);
    if (file->is_bound)
        return true;
    if (bind_hidden(file->name, file->target) == 0)
        file->is_bound = true;
    else if (errno != ENOENT)
        return failed(failure, "mount %s", file->target);
    /* ENOENT: an image without such a file has no use for it. */
    return true;
}

static struct shown_file machine_id = {.name = "machine-id", .target = "/etc/machine-id"};
/* The kernel makes its own once, and a copy of the machine would have the same. */
static struct shown_file boot_id = {.name = "boot-id", .target = "/proc/sys/kernel/random/boot_id"};

bool identity_set(const struct identity_request *request, struct failure *failure)
{
    return (request->realtime_ns == 0 || set_clock(request->realtime_ns, failure)) &&
           (request->entropy.length == 0 || add_entropy(&request->entropy, failure)) &&
           (*request->hostname == '\0' || set_hostname(request->hostname, failure)) &&
           (*request->machine_id == '\0' || show(&machine_id, request->machine_id, failure)) &&
           (*request->boot_id == '\0' || show(&boot_id, request->boot_id, failure));
}
