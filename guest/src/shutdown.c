#include "shutdown.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "file/disk.h"
#include "file/fuse.h"
#include "runtime/log.h"
#include "runtime/util.h"
#include "system/power.h"
#include "system/root.h"

#define LIMIT_S 3
/* Much more may be cached of a disk than of a host mount. */
#define DISK_LIMIT_S 60

/* The pump threads keep running: writing back to host mounts needs them. */
static void *limit_time(void *unused)
{
    const struct timespec limit = {.tv_sec = disk_is_any() ? DISK_LIMIT_S : LIMIT_S};
    (void)unused;
    (void)nanosleep(&limit, NULL);
    log_console("shutdown: not finished after %d s: powering off", (int)limit.tv_sec);
    power_off();
}

/*
 * A killed process holds its files until it is gone. Orphans are children of the agent too, so nothing is left once
 * there is no child.
 */
static void reap_all(void)
{
    while (RETRY_EINTR(waitpid(-1, NULL, 0)) > 0)
        ;
}

void shutdown_begin(void)
{
    pthread_t thread;
    (void)kill(-1, SIGKILL);
    /* Without the time limit a host that does not reply would only delay the power-off. */
    if (pthread_create(&thread, NULL, limit_time, NULL) != 0)
        power_off();
    reap_all();
    sync();
    disk_unmount_all();
}

void shutdown_finish(void)
{
    fuse_stop();
    root_unmount();
    power_off();
}
