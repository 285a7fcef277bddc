#include "room.h"

#include "port.h"
#include "util.h"

static struct {
    struct room_waiter *head;
    struct room_waiter **tail;
} waiting = {.tail = &waiting.head};

void room_wait(struct room_waiter *waiter)
{
    if (waiter->is_waiting)
        return;
    waiter->is_waiting = true;
    waiter->next = NULL;
    *waiting.tail = waiter;
    waiting.tail = &waiter->next;
}

void room_leave(struct room_waiter *waiter)
{
    if (!waiter->is_waiting)
        return;
    waiter->is_waiting = false;
    struct room_waiter **link = &waiting.head;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    if (*link == NULL)
        waiting.tail = link;
}

bool room_wake(void)
{
    int free_packets = 0;
    for (struct outbox_packet *packet = port_outbox()->pool; packet != NULL; packet = packet->next)
        free_packets++;
    for (; free_packets > 0 && waiting.head != NULL; free_packets--) {
        struct room_waiter *waiter = waiting.head;
        room_leave(waiter);
        waiter->on_room(waiter);
    }
    return waiting.head != NULL;
}
