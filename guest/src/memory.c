#include "memory.h"

#include <fcntl.h>
#include <stdio.h>

#include "log.h"
#include "util.h"

/*
 * When programs cannot keep what they used within this time, the kernel kills the biggest. Why these, and what they were
 * compared with: docs/decisions/0015-out-of-memory.md.
 */
#define WORKING_SET_MS "1000"
/* Kept from commands: 8 MiB and 1/128, which is above the kernel's own watermarks; an eighth in a small guest. */
#define RESERVE_KB 8192
#define RESERVE_SHARE 128
#define MAX_RESERVE_SHARE 8

static int write_setting(int directory_fd, const char *path, const char *value)
{
    AUTO_CLOSE int fd = openat(directory_fd, path, O_WRONLY | O_CLOEXEC);
    size_t length = strlen(value);
    return fd >= 0 && RETRY_EINTR(write(fd, value, length)) == (long)length ? 0 : -1;
}

void memory_setup(void)
{
    if (write_setting(AT_FDCWD, "/sys/kernel/mm/lru_gen/enabled", "y") != 0 ||
        write_setting(AT_FDCWD, "/sys/kernel/mm/lru_gen/min_ttl_ms", WORKING_SET_MS) != 0)
        log_warning("protection from thrashing: %s", strerror(errno));
}

/* MemAvailable of /proc/meminfo in KiB; 0 when it cannot be read. */
static unsigned long read_available_kb(void)
{
    static const char name[] = "MemAvailable:";
    char text[1024];
    AUTO_CLOSE int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? -1 : RETRY_EINTR(read(fd, text, sizeof text - 1));
    if (count < 0)
        return 0;
    text[count] = '\0';
    const char *line = strstr(text, name);
    return line == NULL ? 0 : strtoul(line + sizeof name - 1, NULL, 10);
}

void memory_limit(int cgroup_fd)
{
    char value[32];
    unsigned long available_kb = read_available_kb();
    unsigned long reserve_kb = RESERVE_KB + available_kb / RESERVE_SHARE;
    if (reserve_kb > available_kb / MAX_RESERVE_SHARE)
        reserve_kb = available_kb / MAX_RESERVE_SHARE;
    (void)snprintf(value, sizeof value, "%luK", available_kb - reserve_kb);
    if (available_kb == 0 || write_setting(cgroup_fd, "memory.max", value) != 0)
        log_warning("memory limit of commands: %s", strerror(errno));
}
