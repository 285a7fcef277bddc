#include "system/oom_victim.h"

#include <fcntl.h>
#include <stdio.h>

#include "runtime/process_fd.h"
#include "runtime/small_file.h"
#include "runtime/util.h"
#include "system/session.h"

#define END_LIMIT_MS 2000
/* The depth to which cgroups that commands made are followed. */
#define MAX_DEPTH 16

struct victim {
    pid_t pid;
    long score;
    uint32_t id;
};

static void read_file_of(pid_t pid, const char *name, char *text, size_t capacity)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%d/%s", pid, name);
    (void)small_file_read(session_proc(), path, text, capacity);
}

/* The score in /proc/PID/oom_score; 0 for a process that must not be killed, or is gone. */
static long read_score(pid_t pid)
{
    char text[16];
    read_file_of(pid, "oom_score", text, sizeof text);
    return strtol(text, NULL, 10);
}

/* Returns what a process has in memory, the second number of its statm; 0 if it is gone. */
static unsigned long read_resident_bytes(pid_t pid)
{
    char text[128];
    read_file_of(pid, "statm", text, sizeof text);
    const char *second = strchr(text, ' ');
    return second == NULL ? 0 : strtoul(second, NULL, 10) * (unsigned long)sysconf(_SC_PAGESIZE);
}

static void look_at_processes(int cgroup_fd, uint32_t id, struct victim *victim)
{
    int fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *processes = fd < 0 ? NULL : fdopen(fd, "re");
    pid_t pid;
    if (processes == NULL) {
        close_quietly(fd);
        return;
    }
    while (fscanf(processes, "%d", &pid) == 1) {
        long score = pid > 1 ? read_score(pid) : 0;
        if (score > 0 && score >= victim->score)
            *victim = (struct victim){.pid = pid, .score = score, .id = id};
    }
    (void)fclose(processes);
}

/* The cgroups of a command are below a directory named by its number. */
static void look_below(int parent_fd, const char *name, int depth, uint32_t id, struct victim *victim)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSEDIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        close_quietly(fd);
        return;
    }
    look_at_processes(fd, id, victim);
    const struct dirent *entry;
    while (depth < MAX_DEPTH && (entry = readdir(directory)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            look_below(fd, entry->d_name, depth + 1, depth == 0 ? (uint32_t)strtoul(entry->d_name, NULL, 10) : id,
                       victim);
    }
}

enum oom_result oom_kill_victim(int cgroup_fd, unsigned long min_bytes, void (*note)(uint32_t id))
{
    struct victim victim = {0};
    look_below(cgroup_fd, ".", 0, 0, &victim);
    if (victim.pid == 0)
        return OOM_NO_VICTIM;
    AUTO_CLOSE int fd = process_fd_open(victim.pid);
    if (fd < 0)
        return OOM_KILLED;
    if (read_resident_bytes(victim.pid) < min_bytes)
        return OOM_TOO_SMALL;
    note(victim.id);
    process_fd_kill(fd);
    (void)process_fd_wait(fd, END_LIMIT_MS);
    return OOM_KILLED;
}
