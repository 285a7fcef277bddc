/* Who waits for a free packet of the control port, oldest first. */
#ifndef GONDOLIN_ROOM_H
#define GONDOLIN_ROOM_H

#include <stdbool.h>

/* Embedded in its owner; find the owner with LOOP_OWNER. */
struct room_waiter {
    bool is_waiting;
    struct room_waiter *next;
    /* Called once, no longer waiting. There is a free packet, unless another waiter takes it first. */
    void (*on_room)(struct room_waiter *waiter);
};

/* Idempotent, both. */
void room_wait(struct room_waiter *waiter);
void room_leave(struct room_waiter *waiter);

/* Wakes one waiter for each free packet. True when somebody still waits. */
bool room_wake(void);

#endif
