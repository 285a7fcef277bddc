/* The engine's heap: an engine that reaches its limit ends, whatever its JavaScript would make of an exception. */
#ifndef GONDOLIN_JS_MEMORY_H
#define GONDOLIN_JS_MEMORY_H

#include "quickjs.h"

extern const JSMallocFunctions memory_functions;

/* Bytes that are allocated. */
size_t memory_used(void);

#endif
