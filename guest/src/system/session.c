#include "system/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "runtime/process_fd.h"
#include "runtime/small_file.h"
#include "runtime/util.h"

#define NO_SESSION UINT32_MAX
#define MAX_NUMBER_BYTES 16
/* This many passes must find nothing: a process that starts another and ends may slip through one. */
#define QUIET_PASSES 2
#define MAX_PASSES 20
#define PASS_PAUSE_NS 5000000L

static int proc_fd = -1;

int session_init(void)
{
    proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return proc_fd < 0 ? -1 : 0;
}

int session_proc(void)
{
    return proc_fd;
}

/* Returns the session of /proc/`process`; NO_SESSION if it has none or is gone. */
static uint32_t read_session(const char *process)
{
    char path[64];
    char text[MAX_NUMBER_BYTES];
    (void)snprintf(path, sizeof path, "%.32s/sessionid", process);
    if (small_file_read(proc_fd, path, text, sizeof text) <= 0)
        return NO_SESSION;
    return (uint32_t)strtoul(text, NULL, 10);
}

uint32_t session_begin(uid_t uid)
{
    char text[MAX_NUMBER_BYTES];
    int length = snprintf(text, sizeof text, "%u", uid);
    AUTO_CLOSE int fd = openat(proc_fd, "self/loginuid", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || RETRY_EINTR(write(fd, text, (size_t)length)) != length)
        return 0;
    uint32_t id = read_session("self");
    return id == NO_SESSION ? 0 : id;
}

/* Kills the process `name` if it lives and belongs to the session. Returns true if it was there. */
static bool kill_process(const char *name, uint32_t id)
{
    if (read_session(name) != id)
        return false;
    AUTO_CLOSE int fd = process_fd_open((pid_t)strtol(name, NULL, 10));
    /* Checked again: the number may belong to another process by now. */
    if (fd < 0 || read_session(name) != id || process_fd_wait(fd, 0))
        return false;
    process_fd_kill(fd);
    return true;
}

static unsigned kill_all(uint32_t id)
{
    unsigned count = 0;
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSEDIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        close_quietly(fd);
        return 0;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && kill_process(entry->d_name, id))
            count++;
    }
    return count;
}

bool session_kill(uint32_t id, bool *has_found)
{
    const struct timespec pause = {.tv_nsec = PASS_PAUSE_NS};
    unsigned quiet = 0;
    for (unsigned pass = 0; pass < MAX_PASSES && quiet < QUIET_PASSES; pass++) {
        if (kill_all(id) == 0) {
            quiet++;
            continue;
        }
        quiet = 0;
        *has_found = true;
        (void)nanosleep(&pause, NULL);
    }
    return quiet == QUIET_PASSES;
}
