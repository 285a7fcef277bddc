/*
 * The control port: frames in, frames out, and a host that comes and goes.
 *
 * While too many urgent bytes wait, the port is not read, so a host that does not read its answers cannot grow them.
 * A disconnected host end makes the port look ready for ever, so it leaves the loop then and a timer looks again.
 */
#ifndef GONDOLIN_PORT_H
#define GONDOLIN_PORT_H

#include "channel/outbox.h"

struct port_handlers {
    void (*on_frame)(const struct frame *frame);
    /* Packets of the pool may be free. True when somebody still waits for one. */
    bool (*on_packet_free)(void);
    /* The host broke a rule, or is gone for good. The port does nothing more. */
    void (*on_dead)(const char *why);
};

/* Takes over `fd`, a non-blocking port. 0, or -1 with errno. */
int port_init(int fd, const struct port_handlers *handlers);

struct outbox *port_outbox(void);

/* Queues one small frame. When memory is out the port is dead. */
void port_send(enum outbox_queue queue, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length);

/* Queues one small frame that overtakes all others and holds them back until port_resume(). */
void port_send_last(uint8_t type, uint32_t stream, const uint8_t *payload, size_t length);
void port_resume(void);

/* Drops every frame that waits. */
void port_clear(void);

/*
 * Writes what is queued and what those who wait for room add, as far as the host reads. Called once per loop turn. True
 * when it stopped only to let others have their turn.
 */
bool port_flush(void);

#endif
