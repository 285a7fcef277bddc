/* Functions of the host: modules `host:NAME`, whose functions wait for the host's reply. */
#ifndef GONDOLIN_JS_HOST_MODULE_H
#define GONDOLIN_JS_HOST_MODULE_H

#include "frames.h"
#include "quickjs.h"

#define HOST_PREFIX "host:"

/* Takes over an object of module names to arrays of function names. */
void host_modules_define(JSContext *context, JSValue modules);

/* Makes the module `host:NAME`; NULL with an exception where the host has none. */
JSModuleDef *host_module_load(JSContext *context, const char *specifier);

/* Calls a function of the host: the arguments are the name of its module, its own, and those that it gets. */
JSValue host_call(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);

/* Writes a frame whole: no limit and no KILL stops the engine in the middle of it. */
void host_send(uint8_t type, const struct frame_part *parts, size_t count);

#endif
