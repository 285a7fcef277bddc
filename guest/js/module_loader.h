/* What handlers import: modules that came with them, and those of the host. */
#ifndef GONDOLIN_JS_MODULE_LOADER_H
#define GONDOLIN_JS_MODULE_LOADER_H

#include "quickjs.h"

/* Takes over an object of specifiers to sources. */
void module_sources_define(JSContext *context, JSValue sources);

/* Compiles a module and runs it until its top level has settled. Gives its namespace, or an exception. */
JSValue module_run(JSContext *context, const char *name, const char *source, size_t length);

/* QuickJS asks for an import. */
JSModuleDef *module_load(JSContext *context, const char *name, void *opaque);

#endif
