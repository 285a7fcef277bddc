#include "files/attributes.h"

#include <fcntl.h>

#include "runtime/util.h"

#define NS_PER_SECOND 1000000000

/* A file may have any time: one that nanoseconds cannot hold becomes the nearest that they can. */
static uint64_t to_ns(const struct timespec *time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, (int64_t)NS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
        ns = time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return (uint64_t)ns;
}

static struct timespec from_ns(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
    if (time.tv_nsec < 0) {
        time.tv_sec--;
        time.tv_nsec += NS_PER_SECOND;
    }
    return time;
}

void files_write_attributes(struct wire_writer *writer, const struct stat *status)
{
    wire_write_u32(writer, status->st_mode);
    wire_write_u32(writer, status->st_uid);
    wire_write_u32(writer, status->st_gid);
    wire_write_u32(writer, (uint32_t)(status->st_nlink > UINT32_MAX ? UINT32_MAX : status->st_nlink));
    wire_write_u64(writer, (uint64_t)status->st_size);
    wire_write_u64(writer, status->st_ino);
    wire_write_u64(writer, status->st_dev);
    wire_write_u64(writer, status->st_rdev);
    wire_write_u64(writer, (uint64_t)status->st_blocks);
    wire_write_u64(writer, (uint64_t)status->st_blksize);
    wire_write_u64(writer, to_ns(&status->st_atim));
    wire_write_u64(writer, to_ns(&status->st_mtim));
    wire_write_u64(writer, to_ns(&status->st_ctim));
}

static int link_flag(const struct files_request *request)
{
    return request->target.kind == GONDOLIN_FILES_TARGET_LINK ? AT_SYMLINK_NOFOLLOW : 0;
}

int files_stat(const struct files_request *request, int fd, struct stat *status)
{
    int result = fd >= 0 ? fstat(fd, status) : fstatat(AT_FDCWD, request->path, status, link_flag(request));
    return result == 0 ? 0 : errno;
}

static int set_size(const struct files_request *request, int fd)
{
    if (request->change.size > INT64_MAX)
        return EINVAL;
    off_t size = (off_t)request->change.size;
    return (fd >= 0 ? ftruncate(fd, size) : truncate(request->path, size)) == 0 ? 0 : errno;
}

static int set_owner(const struct files_request *request, int fd)
{
    const struct files_change *change = &request->change;
    int result = fd >= 0 ? fchown(fd, change->uid, change->gid)
                         : fchownat(AT_FDCWD, request->path, change->uid, change->gid, link_flag(request));
    return result == 0 ? 0 : errno;
}

static int set_mode(const struct files_request *request, int fd)
{
    /* Linux has no mode of a symbolic link. */
    if (fd < 0 && request->target.kind == GONDOLIN_FILES_TARGET_LINK)
        return EOPNOTSUPP;
    return (fd >= 0 ? fchmod(fd, request->change.mode) : chmod(request->path, request->change.mode)) == 0 ? 0 : errno;
}

static int set_times(const struct files_request *request, int fd)
{
    const struct files_change *change = &request->change;
    struct timespec times[2] = {from_ns(change->atime_ns), from_ns(change->mtime_ns)};
    if ((change->which & GONDOLIN_FILES_SET_ATIME) == 0)
        times[0].tv_nsec = UTIME_OMIT;
    if ((change->which & GONDOLIN_FILES_SET_MTIME) == 0)
        times[1].tv_nsec = UTIME_OMIT;
    int result = fd >= 0 ? futimens(fd, times) : utimensat(AT_FDCWD, request->path, times, link_flag(request));
    return result == 0 ? 0 : errno;
}

/* The owner before the mode, because a new owner clears set-user-ID; times last, because a new size sets them. */
int files_set(const struct files_request *request, int fd)
{
    uint32_t which = request->change.which;
    int error = (which & GONDOLIN_FILES_SET_SIZE) != 0 ? set_size(request, fd) : 0;
    if (error == 0 && (which & GONDOLIN_FILES_SET_OWNER) != 0)
        error = set_owner(request, fd);
    if (error == 0 && (which & GONDOLIN_FILES_SET_MODE) != 0)
        error = set_mode(request, fd);
    if (error == 0 && (which & (GONDOLIN_FILES_SET_ATIME | GONDOLIN_FILES_SET_MTIME)) != 0)
        error = set_times(request, fd);
    return error;
}
