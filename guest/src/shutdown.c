#include "shutdown.h"

#include <pthread.h>
#include <signal.h>
#include <sys/reboot.h>
#include <time.h>

#include "util.h"

#define SYNC_LIMIT_S 3

void shutdown_now(void)
{
    (void)reboot(RB_POWER_OFF);
    for (;;)
        (void)pause();
}

/* The pump threads go on meanwhile: a sync of host mounts needs them. */
static void *limit_sync(void *unused)
{
    const struct timespec limit = {.tv_sec = SYNC_LIMIT_S};
    (void)unused;
    (void)nanosleep(&limit, NULL);
    shutdown_now();
}

void shutdown_cleanly(void)
{
    pthread_t thread;
    (void)kill(-1, SIGKILL);
    /* Without the limit a host that does not answer would only make the power-off late. */
    (void)pthread_create(&thread, NULL, limit_sync, NULL);
    sync();
    shutdown_now();
}
