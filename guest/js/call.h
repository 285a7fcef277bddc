/* LOAD and CALL: what JavaScript runs for. */
#ifndef GONDOLIN_JS_CALL_H
#define GONDOLIN_JS_CALL_H

#include "frames.h"

/* Loads handlers and modules into the realm, and replies. */
void call_load(const struct frame *frame);

/* Calls a handler, and replies. */
void call_handler(const struct frame *frame);

/*
 * Collects garbage, but only when more is in use than the last collection left: what a call leaves in cycles is then found. A collection
 * visits every object, which takes seven times as long as an empty call, and copies each page of an engine that was just forked.
 */
void call_collect_garbage(void);

#endif
