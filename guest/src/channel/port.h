/*
 * The control port: frames in, frames out, and a host that connects and disconnects.
 *
 * While too many urgent bytes are queued, the port is not read, so a host that does not read its replies cannot grow
 * them. A disconnected host end makes the port look ready for ever, so the port leaves the loop and a timer polls it.
 */
#ifndef GONDOLIN_PORT_H
#define GONDOLIN_PORT_H

#include "channel/outbox.h"

struct port_handlers {
    void (*on_frame)(const struct frame *frame);
    /* Packets of the pool may be free. Returns true if somebody still waits for one. */
    bool (*on_packet_free)(void);
    /* The host broke a rule, or is gone for good. The port does nothing more. */
    void (*on_dead)(const char *why);
};

/* Takes over `fd`, a non-blocking port. 0, or -1 with errno. */
int port_init(int fd, const struct port_handlers *handlers);

struct outbox *port_outbox(void);

/* Queues one small frame. If memory is out, the port is dead. */
void port_send(enum outbox_queue queue, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length);

/* Queues one small frame that overtakes all others and holds them back until port_resume(). */
void port_send_last(uint8_t type, uint32_t stream, const uint8_t *payload, size_t length);
void port_resume(void);

/* Drops every queued frame. */
void port_clear(void);

/*
 * Writes what is queued and what the waiters for a free packet add, as far as the host reads. Call once per loop turn.
 * Returns true if it stopped only to let other sources have their turn.
 */
bool port_flush(void);

#endif
