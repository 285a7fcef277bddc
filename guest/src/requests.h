/* Frames of the control port, handed to whoever serves them. */
#ifndef GONDOLIN_REQUESTS_H
#define GONDOLIN_REQUESTS_H

#include "channel/port.h"

extern const struct port_handlers requests_handlers;

/* True once SHUTDOWN was asked: call shutdown_finish() when the answer is out. */
bool requests_want_shutdown(void);

#endif
