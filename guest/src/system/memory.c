#include "system/memory.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/small_file.h"
#include "runtime/util.h"
#include "runtime/worker.h"
#include "system/oom_victim.h"

/*
 * The reserve that commands cannot use: 8 MiB and 1/128, which is above the kernel's own watermarks; an eighth in a
 * small guest.
 */
#define RESERVE_KB 8192
#define RESERVE_SHARE 128
#define MAX_RESERVE_SHARE 8
/*
 * With less than this of programs' files in memory they are read again and again: 8 MiB, a sixteenth in a small guest.
 */
#define FILES_BYTES (8UL << 20)
#define FILES_SHARE 16
/* The room that one command leaves to the next: 4 MiB, a sixteenth in a small guest. */
#define ROOM_BYTES (4UL << 20)
#define ROOM_SHARE 16
#define LOOK_DELAY_MS 50
/*
 * Files may be what fills the memory, and then the death of a small process frees nothing: the command that removes them
 * is one. A process with less than a sixteenth of the memory is killed only if it stays used up for a second.
 */
#define SMALL_SHARE 16
#define LOOKS_BEFORE_SMALL 20
/* Room for the latest kills: fewer commands than this are killed between a death and its EXITED. */
#define MAX_KILLED 64

static struct {
    int cgroup_fd;
    unsigned long limit_bytes;
    unsigned long command_limit_bytes;
    /* memory.events: EPOLLPRI when the limit was reached. */
    struct loop_source events;
    struct loop_timer look;
    struct worker_job job;
    /* Looks in a row that found the memory used up. */
    unsigned used_up_looks;
    /* Set by the job: it looks again without waiting for the limit. */
    bool looks_again;
    atomic_uint killed[MAX_KILLED];
    atomic_uint killed_count;
} memory = {.cgroup_fd = -1, .events.fd = -1};

/* Returns the number after `name` at the start of a line; 0 if there is none. */
static unsigned long read_number(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0)
            return strtoul(line + length, NULL, 10);
    }
    return 0;
}

bool memory_has_killed(uint32_t id)
{
    for (size_t i = 0; i < MAX_KILLED; i++) {
        if (atomic_load(&memory.killed[i]) == id)
            return true;
    }
    return false;
}

/* Returns true if all memory is used and almost none of it is files that could be dropped. */
static bool is_used_up(void)
{
    char text[4096];
    if (small_file_read(memory.cgroup_fd, "memory.current", text, sizeof text) <= 0)
        return false;
    unsigned long used = strtoul(text, NULL, 10);
    unsigned long floor =
        memory.limit_bytes / FILES_SHARE < FILES_BYTES ? memory.limit_bytes / FILES_SHARE : FILES_BYTES;
    if (used + floor / 2 < memory.command_limit_bytes ||
        small_file_read(memory.cgroup_fd, "memory.stat", text, sizeof text) <= 0)
        return false;
    return read_number(text, "inactive_file ") + read_number(text, "active_file ") < floor;
}

static void note_killed(uint32_t id)
{
    atomic_store(&memory.killed[atomic_fetch_add(&memory.killed_count, 1) % MAX_KILLED], id);
}

static void on_thread(struct worker_job *job)
{
    (void)job;
    memory.looks_again = false;
    memory.used_up_looks = is_used_up() ? memory.used_up_looks + 1 : 0;
    if (memory.used_up_looks == 0)
        return;
    unsigned long small = memory.used_up_looks > LOOKS_BEFORE_SMALL ? 0 : memory.limit_bytes / SMALL_SHARE;
    enum oom_result result = oom_kill_victim(memory.cgroup_fd, small, note_killed);
    memory.looks_again = result == OOM_TOO_SMALL;
    if (result == OOM_NO_VICTIM)
        log_warning("out of memory, and no process can be killed");
}

static void on_looked(struct worker_job *job)
{
    (void)job;
    if (memory.looks_again)
        loop_timer_set(&memory.look, LOOK_DELAY_MS);
    else
        (void)loop_add(&memory.events, EPOLLPRI);
}

static void on_look_due(struct loop_timer *timer)
{
    (void)timer;
    worker_submit_steady(&memory.job);
}

/* The limit is reached with each new file in a guest that reads many, so this looks only now and then. */
static void on_limit_reached(struct loop_source *source, uint32_t events)
{
    char text[512];
    (void)events;
    (void)RETRY_EINTR(pread(source->fd, text, sizeof text, 0));
    loop_remove(source);
    loop_timer_set(&memory.look, LOOK_DELAY_MS);
}

/* Not MemAvailable: that counts caches of the kernel that it does not release. */
static unsigned long read_free_kb(void)
{
    char text[1024];
    return small_file_read(AT_FDCWD, "/proc/meminfo", text, sizeof text) > 0 ? read_number(text, "MemFree:") : 0;
}

static bool write_limit(int directory_fd, unsigned long bytes)
{
    char value[32];
    int length = snprintf(value, sizeof value, "%lu", bytes);
    AUTO_CLOSE int fd = openat(directory_fd, "memory.max", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && RETRY_EINTR(write(fd, value, (size_t)length)) == length;
}

static bool set_limit(void)
{
    unsigned long free_kb = read_free_kb();
    unsigned long reserve_kb = RESERVE_KB + free_kb / RESERVE_SHARE;
    if (reserve_kb > free_kb / MAX_RESERVE_SHARE)
        reserve_kb = free_kb / MAX_RESERVE_SHARE;
    memory.limit_bytes = (free_kb - reserve_kb) * 1024;
    unsigned long room = memory.limit_bytes / ROOM_SHARE;
    memory.command_limit_bytes = memory.limit_bytes - (room < ROOM_BYTES ? room : ROOM_BYTES);
    return free_kb > 0 && write_limit(memory.cgroup_fd, memory.limit_bytes);
}

void memory_limit_command(int directory_fd)
{
    if (memory.command_limit_bytes > 0 && !write_limit(directory_fd, memory.command_limit_bytes))
        log_warning("cannot set the memory limit of a command: %s", strerror(errno));
}

void memory_start(int cgroup_fd)
{
    memory.cgroup_fd = cgroup_fd;
    memory.events = (struct loop_source){.on_ready = on_limit_reached};
    memory.events.fd = openat(cgroup_fd, "memory.events", O_RDONLY | O_CLOEXEC);
    memory.look.on_due = on_look_due;
    memory.job = (struct worker_job){.work = on_thread, .done = on_looked};
    if (!set_limit() || memory.events.fd < 0 || loop_add(&memory.events, EPOLLPRI) != 0)
        log_warning("cannot set the memory limit of commands: %s", strerror(errno));
}
