#include "system/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/log.h"
#include "runtime/small_file.h"
#include "runtime/util.h"
#include "system/memory.h"

#define ROOT_PATH "/sys/fs/cgroup/gondolin"
/* The depth to which cgroups that guest processes made are followed. */
#define MAX_DEPTH 16

static int root_fd = -1;
static int freeze_fd = -1;
static int root_events_fd = -1;
static bool is_root_frozen;

/* Makes each EXEC's cgroup count the processes that were killed because memory ran out. */
static void count_memory(const char *path)
{
    static const char controllers[] = "+memory";
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || RETRY_EINTR(write(fd, controllers, sizeof controllers - 1)) < 0)
        log_warning("cannot count memory in %s: %s", path, strerror(errno));
}

int cgroup_setup(void)
{
    if (mkdir(ROOT_PATH, 0755) != 0 && errno != EEXIST)
        return -1;
    count_memory("/sys/fs/cgroup/cgroup.subtree_control");
    count_memory(ROOT_PATH "/cgroup.subtree_control");
    root_fd = open(ROOT_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -1;
    memory_start(root_fd);
    freeze_fd = openat(root_fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
    root_events_fd = openat(root_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    return freeze_fd < 0 || root_events_fd < 0 ? -1 : 0;
}

int cgroup_create(struct cgroup *cgroup)
{
    /* Not the request's id: that restarts with each host, while processes may outlive theirs. */
    static uint32_t last_id;
    *cgroup = (struct cgroup){.directory_fd = -1, .events_fd = -1, .id = ++last_id};
    if (root_fd < 0)
        return 0;
    char name[16];
    (void)snprintf(name, sizeof name, "%u", cgroup->id);
    if (mkdirat(root_fd, name, 0755) != 0)
        return -1;
    AUTO_CLOSE int directory_fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd >= 0)
        cgroup->events_fd = openat(directory_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (cgroup->events_fd < 0) {
        (void)unlinkat(root_fd, name, AT_REMOVEDIR);
        return -1;
    }
    memory_limit_command(directory_fd);
    cgroup->directory_fd = take_fd(&directory_fd);
    return 0;
}

/* Returns true if the events file says so, or if the guest removed the cgroup: then it has no process. */
static bool events_say(int events_fd, const char *line)
{
    char text[256];
    long count = RETRY_EINTR(pread(events_fd, text, sizeof text - 1, 0));
    if (count < 0)
        return true;
    text[count] = '\0';
    return strstr(text, line) != NULL;
}

bool cgroup_ran_out_of_memory(const struct cgroup *cgroup)
{
    static const char name[] = "\noom_kill ";
    char text[512];
    if (memory_has_killed(cgroup->id))
        return true;
    if (small_file_read(cgroup->directory_fd, "memory.events", text, sizeof text) < 0)
        return false;
    const char *line = strstr(text, name);
    return line != NULL && line[sizeof name - 1] != '0';
}

bool cgroup_is_empty(const struct cgroup *cgroup)
{
    return events_say(cgroup->events_fd, "populated 0");
}

int cgroup_freeze_all(bool is_frozen)
{
    /* No command runs in a template: freezing nothing and thawing it would take a tenth of its start. */
    if (is_frozen == is_root_frozen || (is_frozen && events_say(root_events_fd, "populated 0")))
        return 0;
    if (RETRY_EINTR(pwrite(freeze_fd, is_frozen ? "1" : "0", 1, 0)) != 1)
        return -1;
    is_root_frozen = is_frozen;
    return 0;
}

bool cgroup_all_frozen(void)
{
    return !is_root_frozen || events_say(root_events_fd, "populated 0") || events_say(root_events_fd, "frozen 1");
}

int cgroup_kill(const struct cgroup *cgroup)
{
    AUTO_CLOSE int fd = openat(cgroup->directory_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    return RETRY_EINTR(write(fd, "1", 1)) == 1 ? 0 : -1;
}

static unsigned signal_procs(int directory_fd, int signal)
{
    int fd = openat(directory_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    FILE *procs = fdopen(fd, "re");
    if (procs == NULL) {
        close_quietly(fd);
        return 0;
    }
    unsigned count = 0;
    int pid;
    while (fscanf(procs, "%d", &pid) == 1) {
        if (pid > 1 && kill(pid, signal) == 0)
            count++;
    }
    (void)fclose(procs);
    return count;
}

/* Calls `visit` for every cgroup below, deepest first, then for this one. */
static unsigned walk(int parent_fd, const char *name, int depth, unsigned (*visit)(int, const char *, int),
                     int argument)
{
    unsigned count = 0;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_CLOSEDIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        close_quietly(fd);
        return 0;
    }
    const struct dirent *entry;
    while (depth < MAX_DEPTH && (entry = readdir(directory)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            count += walk(fd, entry->d_name, depth + 1, visit, argument);
    }
    return count + visit(parent_fd, name, argument);
}

static unsigned visit_signal(int parent_fd, const char *name, int signal)
{
    AUTO_CLOSE int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? 0 : signal_procs(fd, signal);
}

static unsigned visit_remove(int parent_fd, const char *name, int unused)
{
    (void)unused;
    return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 ? 1 : 0;
}

unsigned cgroup_signal(const struct cgroup *cgroup, int signal)
{
    return walk(cgroup->directory_fd, ".", 0, visit_signal, signal);
}

void cgroup_close(struct cgroup *cgroup)
{
    close_quietly(cgroup->events_fd);
    close_quietly(cgroup->directory_fd);
    cgroup->events_fd = -1;
    cgroup->directory_fd = -1;
}

bool cgroup_remove(uint32_t id)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%u", id);
    (void)walk(root_fd, name, 0, visit_remove, 0);
    return faccessat(root_fd, name, F_OK, 0) != 0;
}
