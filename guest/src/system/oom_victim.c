#include "system/oom_victim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "runtime/util.h"
#include "system/session.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define END_LIMIT_MS 2000
/* The depth to which cgroups that commands made are followed. */
#define MAX_DEPTH 16

struct victim {
    pid_t pid;
    long score;
    uint32_t id;
};

/* The score in /proc/PID/oom_score; 0 for a process that must not be killed, or is gone. */
static long read_score(pid_t pid)
{
    char path[64];
    char text[16];
    (void)snprintf(path, sizeof path, "%d/oom_score", pid);
    AUTO_CLOSE int fd = openat(session_proc(), path, O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? -1 : RETRY_EINTR(read(fd, text, sizeof text - 1));
    text[count < 0 ? 0 : count] = '\0';
    return strtol(text, NULL, 10);
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

bool oom_kill_victim(int cgroup_fd, void (*note)(uint32_t id))
{
    struct victim victim = {0};
    look_below(cgroup_fd, ".", 0, 0, &victim);
    AUTO_CLOSE int fd = victim.pid == 0 ? -1 : (int)syscall(SYS_pidfd_open, victim.pid, 0);
    if (fd < 0)
        return victim.pid != 0;
    note(victim.id);
    (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    (void)RETRY_EINTR(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, END_LIMIT_MS));
    return true;
}
