#include "priority.h"

#include <linux/sched.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "util.h"

#define BULK_BYTES 32768
/* Turns without bulk after which the agent is a process like any other. */
#define CALM_TURNS 8

/* Commands never inherit it. The kernel keeps a twentieth of the time for other processes, come what may. */
static void set_ahead(bool is_ahead)
{
    const int priority = is_ahead ? 1 : 0;
    int policy = is_ahead ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_NORMAL;
    /* A kernel that refuses is only slower. */
    (void)syscall(SYS_sched_setscheduler, 0, policy, &priority);
}

void priority_note_input(size_t bytes)
{
    static unsigned calm_turns = CALM_TURNS;
    if (bytes >= BULK_BYTES) {
        if (calm_turns >= CALM_TURNS)
            set_ahead(true);
        calm_turns = 0;
    } else if (calm_turns < CALM_TURNS && ++calm_turns == CALM_TURNS) {
        set_ahead(false);
    }
}
