/*
 * One captured TCP connection and its stream: bytes move both ways as fast as both sides take them.
 *
 * The guest's end of file becomes EOF and the host's EOF the guest's; a reset on either side is one on the other. A
 * connection frees itself when both directions have ended or one side resets it.
 */
#ifndef GONDOLIN_NET_CONN_H
#define GONDOLIN_NET_CONN_H

#include <stdbool.h>

/* Takes over a connected, non-blocking socket and opens its stream. `on_closed` is called at its end. */
bool net_conn_start(int fd, void (*on_closed)(void));

#endif
