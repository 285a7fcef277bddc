#include "file/file_port.h"

#include <pthread.h>
#include <time.h>

#include "runtime/util.h"

/* A port reads as empty until the guest has noticed that the host is connected: that is not the end, so read again. */
#define UNCONNECTED_PAUSE_NS 2000000L

static int host_fd = -1;

/* Guarded by `gate`: whether requests may go to the host, and whether one is being sent. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool is_paused;
static bool is_sending;
static uint64_t sent_bytes;
static uint64_t received_bytes;

void file_port_start(int port_fd)
{
    host_fd = port_fd;
}

static void enter_gate(void)
{
    (void)pthread_mutex_lock(&gate);
    while (is_paused)
        (void)pthread_cond_wait(&gate_opened, &gate);
    is_sending = true;
    (void)pthread_mutex_unlock(&gate);
}

static void leave_gate(size_t count)
{
    (void)pthread_mutex_lock(&gate);
    sent_bytes += count;
    is_sending = false;
    (void)pthread_mutex_unlock(&gate);
}

bool file_port_pause(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = true;
    bool is_quiet = !is_sending;
    (void)pthread_mutex_unlock(&gate);
    return is_quiet;
}

void file_port_resume(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = false;
    (void)pthread_cond_broadcast(&gate_opened);
    (void)pthread_mutex_unlock(&gate);
}

void file_port_counts(uint64_t *sent, uint64_t *received)
{
    (void)pthread_mutex_lock(&gate);
    *sent = sent_bytes;
    *received = received_bytes;
    (void)pthread_mutex_unlock(&gate);
}

void file_port_count_received(size_t count)
{
    (void)pthread_mutex_lock(&gate);
    received_bytes += count;
    (void)pthread_mutex_unlock(&gate);
}

static void pause_unconnected(void)
{
    const struct timespec pause = {.tv_nsec = UNCONNECTED_PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

static void write_all(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long written = write(host_fd, bytes, count);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            pause_unconnected();
        }
    }
}

void file_port_send(const uint8_t *requests, size_t count)
{
    enter_gate();
    write_all(requests, count);
    leave_gate(count);
}

size_t file_port_read(uint8_t *bytes, size_t room)
{
    for (;;) {
        long got = read(host_fd, bytes, room);
        if (got > 0)
            return (size_t)got;
        if (got == 0 || errno != EINTR)
            pause_unconnected();
    }
}
