/* Dispatches the frames of the control port to their handlers. */
#ifndef GONDOLIN_REQUESTS_H
#define GONDOLIN_REQUESTS_H

#include "channel/port.h"

extern const struct port_handlers requests_handlers;

/* True once the host has sent SHUTDOWN: call shutdown_finish() when the reply has been written. */
bool requests_want_shutdown(void);

#endif
