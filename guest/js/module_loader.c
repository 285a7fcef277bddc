#include "module_loader.h"

#include <string.h>

#include "event_loop.h"
#include "host_module.h"

static JSValue sources;

void module_sources_define(JSContext *context, JSValue new_sources)
{
    JS_FreeValue(context, sources);
    sources = new_sources;
}

static JSValue compile(JSContext *context, const char *name, const char *source, size_t length)
{
    return JS_Eval(context, source, length, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
}

JSValue module_run(JSContext *context, const char *name, const char *source, size_t length)
{
    JSValue module = compile(context, name, source, length);
    if (JS_IsException(module))
        return module;
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue result = event_loop_await(context, JS_EvalFunction(context, module));
    if (JS_IsException(result))
        return result;
    JS_FreeValue(context, result);
    return JS_GetModuleNamespace(context, definition);
}

/* The source of a module; an exception where there is none. */
static JSValue source_of(JSContext *context, const char *name)
{
    JSValue source = JS_IsObject(sources) ? JS_GetPropertyStr(context, sources, name) : JS_UNDEFINED;
    if (JS_IsString(source))
        return source;
    JS_FreeValue(context, source);
    return JS_ThrowReferenceError(context, "there is no module '%s'", name);
}

JSModuleDef *module_load(JSContext *context, const char *name, void *opaque)
{
    size_t length;
    (void)opaque;
    if (strncmp(name, HOST_PREFIX, strlen(HOST_PREFIX)) == 0)
        return host_module_load(context, name);
    JSValue source = source_of(context, name);
    const char *text = JS_IsException(source) ? NULL : JS_ToCStringLen(context, &length, source);
    JS_FreeValue(context, source);
    if (text == NULL)
        return NULL;
    JSValue module = compile(context, name, text, length);
    JS_FreeCString(context, text);
    if (JS_IsException(module))
        return NULL;
    /* QuickJS holds a reference of its own. */
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JS_FreeValue(context, module);
    return definition;
}
