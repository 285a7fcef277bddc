#include "limits.h"

#include <signal.h>
#include <time.h>

#include "runtime/util.h"

static timer_t wall_timer, cpu_timer;
static bool has_wall_timer, has_cpu_timer;
static struct timespec wall_start, cpu_start;
/* While a frame is written or read: the signal that came meanwhile, or 0. */
static volatile sig_atomic_t is_paused, pending;

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

static void on_signal(int signal)
{
    /* A limit or KILL that comes as the call ends is late: there is nothing left to stop. */
    if (!shared->is_busy)
        return;
    if (is_paused) {
        pending = signal;
        return;
    }
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
}

static void arm(timer_t *timer, bool *has_timer, clockid_t clock, int signal, uint32_t limit_ms)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
    const struct itimerspec limit = {
        .it_value = {.tv_sec = limit_ms / 1000, .tv_nsec = (long)(limit_ms % 1000) * 1000000L}};
    if (limit_ms == 0 && !*has_timer)
        return;
    if (!*has_timer && timer_create(clock, &event, timer) != 0)
        limits_die(DEATH_CRASH);
    *has_timer = true;
    if (timer_settime(*timer, 0, &limit, NULL) != 0)
        limits_die(DEATH_CRASH);
}

void limits_start(uint32_t wall_ms, uint32_t cpu_ms)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &wall_start);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_start);
    shared->is_busy = true;
    arm(&wall_timer, &has_wall_timer, CLOCK_MONOTONIC, SIGALRM, wall_ms);
    arm(&cpu_timer, &has_cpu_timer, CLOCK_PROCESS_CPUTIME_ID, SIGPROF, cpu_ms);
}

void limits_stop(void)
{
    shared->is_busy = false;
    arm(&wall_timer, &has_wall_timer, CLOCK_MONOTONIC, SIGALRM, 0);
    arm(&cpu_timer, &has_cpu_timer, CLOCK_PROCESS_CPUTIME_ID, SIGPROF, 0);
    measure();
}

void limits_pause(void)
{
    pending = 0;
    is_paused = 1;
}

void limits_resume(void)
{
    is_paused = 0;
    if (pending != 0)
        on_signal(pending);
}
