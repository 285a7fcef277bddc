/* The waiters for a free packet of the control port, oldest first. */
#ifndef GONDOLIN_PORT_WAITERS_H
#define GONDOLIN_PORT_WAITERS_H

#include <stdbool.h>

/* Embedded in its owner; find the owner with LOOP_OWNER. */
struct port_waiter {
    bool is_waiting;
    struct port_waiter *next;
    /* Called once, after the waiter was removed. There is a free packet unless another waiter takes it first. */
    void (*on_packet_free)(struct port_waiter *waiter);
};

/* Both are idempotent. */
void port_waiters_add(struct port_waiter *waiter);
void port_waiters_remove(struct port_waiter *waiter);

/* Wakes one waiter for each free packet. Returns true if somebody still waits. */
bool port_waiters_wake(void);

#endif
