#include "system/identity.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/random.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "runtime/util.h"
#include "system/hidden.h"

#define NS_PER_SECOND 1000000000ULL

/*
 * A file that the guest finds at `target`, even if its root is read-only there: a file of the hidden directory mounted
 * over it. Made, mounted and kept open before a template is saved, so that setting an identity only writes.
 */
struct shown_file {
    const char *name;
    const char *target;
    /* The length of the text before the line that is set, and the last length of that line. */
    off_t base_length;
    int line_length;
    int fd;
};

static struct shown_file hosts = {.name = "hosts", .target = "/etc/hosts", .fd = -1};
static struct shown_file machine_id = {.name = "machine-id", .target = "/etc/machine-id", .fd = -1};
/* The kernel generates its own only once, and a copy of the machine would have the same. */
static struct shown_file boot_id = {.name = "boot-id", .target = "/proc/sys/kernel/random/boot_id", .fd = -1};
static int random_fd = -1;

static int bind_hidden(const char *name, const char *target)
{
    AUTO_CLOSE int tree = (int)syscall(SYS_open_tree, hidden_directory(), name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -1;
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

/* An image without such a file does not need it. */
static bool show(struct shown_file *file, struct failure *failure)
{
    file->fd = openat(hidden_directory(), file->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file->fd < 0)
        return failed(failure, "create %s", file->name);
    AUTO_CLOSE int original = open(file->target, O_RDONLY | O_CLOEXEC);
    char text[4096];
    long count;
    while (original >= 0 && (count = RETRY_EINTR(read(original, text, sizeof text))) > 0) {
        if (RETRY_EINTR(write(file->fd, text, (size_t)count)) != count)
            return failed(failure, "write %s", file->name);
    }
    file->base_length = lseek(file->fd, 0, SEEK_END);
    if (bind_hidden(file->name, file->target) != 0 && errno != ENOENT)
        return failed(failure, "mount %s", file->target);
    return true;
}

static bool set_line(struct shown_file *file, const char *before, const char *text, struct failure *failure)
{
    char line[GONDOLIN_MAX_HOSTNAME_BYTES + GONDOLIN_MAX_ID_BYTES + 16];
    int length = snprintf(line, sizeof line, "%s%s\n", before, text);
    /* A guest without its own root is that of a test or a bench. */
    if (file->fd < 0)
        return true;
    if (RETRY_EINTR(pwrite(file->fd, line, (size_t)length, file->base_length)) != length ||
        (length != file->line_length && ftruncate(file->fd, file->base_length + length) != 0))
        return failed(failure, "write %s", file->target);
    file->line_length = length;
    return true;
}

bool identity_prepare(struct failure *failure)
{
    random_fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (random_fd < 0)
        return failed(failure, "open /dev/urandom");
    if (!show(&hosts, failure) || !show(&machine_id, failure) || !show(&boot_id, failure))
        return false;
    /* Both files hold only the id; the hosts of the image stay. */
    machine_id.base_length = 0;
    boot_id.base_length = 0;
    /* With their final lengths, so that setting one truncates nothing. */
    return set_line(&hosts, "127.0.1.1\t", "gondolin", failure) &&
           set_line(&machine_id, "", "00000000000000000000000000000000", failure) &&
           set_line(&boot_id, "", "00000000-0000-0000-0000-000000000000", failure);
}

static bool set_clock(uint64_t realtime_ns, struct failure *failure)
{
    const struct timespec time = {
        .tv_sec = (time_t)(realtime_ns / NS_PER_SECOND),
        .tv_nsec = (long)(realtime_ns % NS_PER_SECOND),
    };
    return clock_settime(CLOCK_REALTIME, &time) == 0 || failed(failure, "set the clock");
}

/* The kernel mixes written entropy in when it reseeds: both must happen before any program asks for random numbers. */
static bool add_entropy(const struct wire_string *entropy, struct failure *failure)
{
    static struct {
        struct rand_pool_info info;
        uint8_t bytes[GONDOLIN_MAX_ENTROPY_BYTES];
    } pool;
    pool.info.entropy_count = (int)entropy->length * 8;
    pool.info.buf_size = (int)entropy->length;
    memcpy((uint8_t *)&pool + sizeof pool.info, entropy->bytes, entropy->length);
    if (ioctl(random_fd, RNDADDENTROPY, &pool) != 0 || ioctl(random_fd, RNDRESEEDCRNG) != 0)
        return failed(failure, "add entropy");
    return true;
}

static bool set_hostname(const char *name, struct failure *failure)
{
    if (sethostname(name, strlen(name)) != 0)
        return failed(failure, "set the host name");
    return set_line(&hosts, "127.0.1.1\t", name, failure);
}

bool identity_set(const struct identity_request *request, struct failure *failure)
{
    return (request->realtime_ns == 0 || set_clock(request->realtime_ns, failure)) &&
           (request->entropy.length == 0 || add_entropy(&request->entropy, failure)) &&
           (*request->hostname == '\0' || set_hostname(request->hostname, failure)) &&
           (*request->machine_id == '\0' || set_line(&machine_id, "", request->machine_id, failure)) &&
           (*request->boot_id == '\0' || set_line(&boot_id, "", request->boot_id, failure));
}
