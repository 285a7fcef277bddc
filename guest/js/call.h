/* LOAD and CALL: what JavaScript runs for. */
#ifndef GONDOLIN_JS_CALL_H
#define GONDOLIN_JS_CALL_H

#include "frames.h"

/* Loads handlers and modules into the realm, and replies. */
void call_load(const struct frame *frame);

/* Calls a handler, and replies. */
void call_handler(const struct frame *frame);

#endif
