/* The one realm of an engine: QuickJS with what the prelude adds. */
#ifndef GONDOLIN_JS_REALM_H
#define GONDOLIN_JS_REALM_H

#include <stdbool.h>

#include "quickjs.h"

extern JSContext *realm;

/* Makes it, without a heap limit. Ends the process when it cannot. */
void realm_make(void);

/* Adds `fetch` and its classes. False with an exception. */
bool realm_add_fetch(void);

/* Seeds Math.random again, for a process that was forked from another. */
void realm_forget_random(void);

/* Sets the limits of the heap and the stack, from where the stack is now. */
void realm_limit(void);

/* The pending exception as text, bounded, malloc()ed; `*is_overflow` is true for an overflow of the stack. */
char *realm_take_exception(bool *is_overflow);

#endif
