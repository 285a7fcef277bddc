/* What makes a copy of a saved machine one of its own. The agent does the same for what has file systems and names. */
#ifndef GONDOLIN_JS_IDENTITY_H
#define GONDOLIN_JS_IDENTITY_H

#include "frames.h"

/* Opens what setting one needs, before the machine is saved. */
void identity_prepare(void);

/* Sets the clock and adds entropy, and replies. Ends the process where it cannot: no JavaScript may run with another's numbers. */
void identity_set(const struct frame *frame);

#endif
