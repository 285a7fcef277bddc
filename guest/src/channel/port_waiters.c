#include "channel/port_waiters.h"

#include "channel/port.h"
#include "runtime/util.h"

static struct {
    struct port_waiter *head;
    struct port_waiter **tail;
} waiting = {.tail = &waiting.head};

void port_waiters_add(struct port_waiter *waiter)
{
    if (waiter->is_waiting)
        return;
    waiter->is_waiting = true;
    waiter->next = NULL;
    *waiting.tail = waiter;
    waiting.tail = &waiter->next;
}

void port_waiters_remove(struct port_waiter *waiter)
{
    if (!waiter->is_waiting)
        return;
    waiter->is_waiting = false;
    struct port_waiter **link = &waiting.head;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    if (*link == NULL)
        waiting.tail = link;
}

bool port_waiters_wake(void)
{
    int free_packets = 0;
    for (struct outbox_packet *packet = port_outbox()->pool; packet != NULL; packet = packet->next)
        free_packets++;
    for (; free_packets > 0 && waiting.head != NULL; free_packets--) {
        struct port_waiter *waiter = waiting.head;
        port_waiters_remove(waiter);
        waiter->on_packet_free(waiter);
    }
    return waiting.head != NULL;
}
