#include "limits.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "runtime/util.h"

static timer_t wall_timer, cpu_timer;
static bool has_wall_timer, has_cpu_timer, asks_host;
static struct timespec wall_start, cpu_start;
/* Between the last reply and this call, in CPU time: a collection of garbage. Nothing has ended in a new engine. */
static struct timespec last_end;
static bool has_ended;
static uint32_t between_us;
/* While a frame is written or read: the signal that came meanwhile, or 0. */
static volatile sig_atomic_t is_paused, is_awaiting, pending;

static uint64_t elapsed_us(clockid_t clock, const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000L + (now.tv_nsec - start->tv_nsec) / 1000);
}

static void measure(void)
{
    shared->wall_us = elapsed_us(CLOCK_MONOTONIC, &wall_start);
    shared->cpu_us = elapsed_us(CLOCK_PROCESS_CPUTIME_ID, &cpu_start);
}

_Noreturn void limits_die(enum death death)
{
    measure();
    shared->death = (uint8_t)death;
    _exit(1);
}

static void arm(timer_t *timer, bool *has_timer, clockid_t clock, int signal, uint64_t limit_us)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
    const struct itimerspec limit = {
        .it_value = {.tv_sec = (time_t)(limit_us / 1000000), .tv_nsec = (long)(limit_us % 1000000) * 1000L}};
    if (limit_us == 0 && !*has_timer)
        return;
    if (!*has_timer && timer_create(clock, &event, timer) != 0)
        limits_die(DEATH_CRASH);
    *has_timer = true;
    if (timer_settime(*timer, 0, &limit, NULL) != 0)
        limits_die(DEATH_CRASH);
}

/* Asks the host at the CPU limit, where no other frame is being written or read. */
static bool has_more(void)
{
    uint32_t more_us = 0;
    /* What was interrupted goes on, and may look at it. */
    int error = errno;
    limits_pause();
    shared->is_writing = true;
    frame_write(FRAME_CPU_LIMIT, &(struct frame_part){&between_us, sizeof between_us}, 1);
    shared->is_writing = false;
    if (!frame_read_u32(FRAME_MORE, &more_us))
        _exit(0);
    limits_resume();
    if (more_us > 0)
        arm(&cpu_timer, &has_cpu_timer, CLOCK_PROCESS_CPUTIME_ID, SIGPROF, more_us);
    errno = error;
    return more_us > 0;
}

static void on_signal(int signal)
{
    /* A limit or KILL that comes as the call ends is late: there is nothing left to stop. */
    if (!shared->is_busy)
        return;
    if (is_paused || (signal == SIGPROF && is_awaiting)) {
        /* The others end the engine, and none may be lost. */
        if (signal != SIGPROF || pending == 0)
            pending = signal;
        return;
    }
    if (signal == SIGPROF && asks_host && has_more())
        return;
    limits_die(signal == SIGALRM ? DEATH_WALL_CLOCK : signal == SIGPROF ? DEATH_CPU_TIME : DEATH_KILLED);
}

void limits_init(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    /* A handler on the engine's stack would overflow it where JavaScript nearly did. */
    static uint8_t stack[16384];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    (void)sigaltstack(&alternate, NULL);
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigaction(SIGPROF, &action, NULL);
    (void)sigaction(SIGUSR1, &action, NULL);
    has_wall_timer = false;
    has_cpu_timer = false;
    has_ended = false;
}

void limits_start(uint32_t wall_ms, uint32_t cpu_ms, bool is_host_asked)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &wall_start);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_start);
    between_us = has_ended ? (uint32_t)elapsed_us(CLOCK_PROCESS_CPUTIME_ID, &last_end) : 0;
    asks_host = is_host_asked;
    is_awaiting = 0;
    pending = 0;
    shared->is_busy = true;
    arm(&wall_timer, &has_wall_timer, CLOCK_MONOTONIC, SIGALRM, wall_ms * 1000ULL);
    arm(&cpu_timer, &has_cpu_timer, CLOCK_PROCESS_CPUTIME_ID, SIGPROF, cpu_ms * 1000ULL);
}

void limits_stop(void)
{
    shared->is_busy = false;
    arm(&wall_timer, &has_wall_timer, CLOCK_MONOTONIC, SIGALRM, 0);
    arm(&cpu_timer, &has_cpu_timer, CLOCK_PROCESS_CPUTIME_ID, SIGPROF, 0);
    measure();
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &last_end);
    has_ended = true;
}

void limits_await_reply(bool is_awaited)
{
    is_awaiting = is_awaited;
}

void limits_pause(void)
{
    is_paused = 1;
}

void limits_resume(void)
{
    is_paused = 0;
    int signal = pending;
    pending = 0;
    if (signal != 0)
        on_signal(signal);
}
