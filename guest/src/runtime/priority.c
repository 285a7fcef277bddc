#include "runtime/priority.h"

#include <linux/sched.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "runtime/util.h"

#define BULK_BYTES 32768
/* After this many turns without bulk data the agent returns to normal scheduling. */
#define CALM_TURNS 8
/* This many changes from one connection to another, within that many packets, make a crowd. */
#define CROWD_PACKETS 16
#define CROWD_CHANGES 8

static struct {
    int policy;
    unsigned calm_turns;
    uint32_t last_stream;
    unsigned packets;
    unsigned changes;
    bool is_crowded;
} priority = {.policy = SCHED_NORMAL, .calm_turns = CALM_TURNS};

/* Commands never inherit it. The kernel always keeps a twentieth of the time for other processes. */
static void choose(void)
{
    int policy = priority.calm_turns < CALM_TURNS ? SCHED_RR : priority.is_crowded ? SCHED_BATCH : SCHED_NORMAL;
    const int level = policy == SCHED_RR ? 1 : 0;
    if (policy == priority.policy)
        return;
    priority.policy = policy;
    /* If the kernel refuses, transfers are only slower. */
    (void)syscall(SYS_sched_setscheduler, 0, policy | SCHED_RESET_ON_FORK, &level);
}

void priority_note_input(size_t bytes)
{
    if (bytes >= BULK_BYTES)
        priority.calm_turns = 0;
    else if (priority.calm_turns < CALM_TURNS)
        priority.calm_turns++;
    choose();
}

void priority_note_packet(uint32_t stream)
{
    priority.packets++;
    if (stream != priority.last_stream)
        priority.changes++;
    priority.last_stream = stream;
    if (priority.packets < CROWD_PACKETS)
        return;
    priority.is_crowded = priority.changes >= CROWD_CHANGES;
    priority.packets = 0;
    priority.changes = 0;
}
