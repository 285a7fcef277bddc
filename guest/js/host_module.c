#include "host_module.h"

#include <poll.h>

#include "limits.h"
#include "runtime/util.h"
#include "value.h"

#define MAX_ARGUMENTS 16

static JSValue host_modules;

void host_modules_define(JSContext *context, JSValue modules)
{
    JS_FreeValue(context, host_modules);
    host_modules = modules;
}

void host_send(uint8_t type, const struct frame_part *parts, size_t count)
{
    limits_pause();
    shared->is_writing = true;
    frame_write(type, parts, count);
    shared->is_writing = false;
    limits_resume();
}

/* The message as an Error, thrown. */
static JSValue throw_message(JSContext *context, JSValue message)
{
    JSValue error = JS_NewError(context);
    (void)JS_DefinePropertyValueStr(context, error, "message", message, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    return JS_Throw(context, error);
}

/* Waits for a frame, where limits and KILL end the engine, and reads it whole: the keeper reads from its end. */
static bool read_reply(struct frame *reply)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, -1) < 0)
        continue;
    limits_pause();
    bool is_read = frame_read(reply);
    limits_await_reply(false);
    limits_resume();
    return is_read;
}

static JSValue take_reply(JSContext *context)
{
    struct frame reply;
    if (!read_reply(&reply))
        _exit(0);
    if (reply.type != FRAME_HOST_RESULT || reply.length < 1)
        _exit(2);
    bool is_throw = reply.payload[0] != 0;
    JSValue value = value_decode(context, reply.payload + 1, reply.length - 1);
    frame_free(&reply);
    return is_throw && !JS_IsException(value) ? throw_message(context, value) : value;
}

static JSValue call_function(JSContext *context, JSValueConst module, JSValueConst function, int argc,
                             JSValueConst *argv)
{
    struct buffer buffer = {0};
    if (argc > MAX_ARGUMENTS)
        return JS_ThrowRangeError(context, "more than %d arguments for the host", MAX_ARGUMENTS);
    uint8_t count = (uint8_t)argc;
    bool is_ok = value_encode(context, module, &buffer) && value_encode(context, function, &buffer) &&
                 buffer_add(&buffer, &count, 1);
    for (int i = 0; i < argc && is_ok; i++)
        is_ok = value_encode(context, argv[i], &buffer);
    if (is_ok) {
        limits_await_reply(true);
        host_send(FRAME_HOST_CALL, &(struct frame_part){buffer.bytes, buffer.length}, 1);
    }
    buffer_free(&buffer);
    if (is_ok)
        return take_reply(context);
    return JS_HasException(context) ? JS_EXCEPTION : JS_ThrowOutOfMemory(context);
}

/* `data` is the module's name and the function's. */
static JSValue call_host(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int magic, JSValue *data)
{
    (void)this;
    (void)magic;
    return call_function(context, data[0], data[1], argc, argv);
}

JSValue host_call(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    if (argc < 2)
        return JS_ThrowTypeError(context, "a function of the host needs a name");
    return call_function(context, argv[0], argv[1], argc - 2, argv + 2);
}

static JSValue functions_of(JSContext *context, const char *specifier)
{
    return JS_IsObject(host_modules) ? JS_GetPropertyStr(context, host_modules, specifier + strlen(HOST_PREFIX))
                                     : JS_UNDEFINED;
}

/* Calls `visit` with each function's name. */
static bool each_function(JSContext *context, JSModuleDef *module, const char *specifier,
                          bool (*visit)(JSContext *, JSModuleDef *, JSValueConst, const char *, const char *))
{
    JSValue functions = functions_of(context, specifier);
    uint32_t count = value_array_length(context, functions);
    bool is_ok = true;
    for (uint32_t i = 0; i < count && is_ok; i++) {
        JSValue name = JS_GetPropertyUint32(context, functions, i);
        const char *text = JS_ToCString(context, name);
        is_ok = text != NULL && visit(context, module, name, text, specifier);
        JS_FreeCString(context, text);
        JS_FreeValue(context, name);
    }
    JS_FreeValue(context, functions);
    return is_ok;
}

static bool declare(JSContext *context, JSModuleDef *module, JSValueConst name, const char *text, const char *specifier)
{
    (void)name;
    (void)specifier;
    return JS_AddModuleExport(context, module, text) == 0;
}

static bool define(JSContext *context, JSModuleDef *module, JSValueConst name, const char *text, const char *specifier)
{
    JSValue data[] = {JS_NewString(context, specifier + strlen(HOST_PREFIX)), JS_DupValue(context, name)};
    JSValue function = JS_NewCFunctionData(context, call_host, 0, 0, (int)ARRAY_LENGTH(data), data);
    JS_FreeValue(context, data[0]);
    JS_FreeValue(context, data[1]);
    return !JS_IsException(function) && JS_SetModuleExport(context, module, text, function) == 0;
}

static int define_all(JSContext *context, JSModuleDef *module)
{
    JSAtom name = JS_GetModuleName(context, module);
    const char *specifier = JS_AtomToCString(context, name);
    bool is_ok = specifier != NULL && each_function(context, module, specifier, define);
    JS_FreeCString(context, specifier);
    JS_FreeAtom(context, name);
    return is_ok ? 0 : -1;
}

JSModuleDef *host_module_load(JSContext *context, const char *specifier)
{
    JSValue functions = functions_of(context, specifier);
    bool is_known = JS_IsObject(functions);
    JS_FreeValue(context, functions);
    if (!is_known) {
        (void)JS_ThrowReferenceError(context, "the host has no module '%s'", specifier);
        return NULL;
    }
    JSModuleDef *module = JS_NewCModule(context, specifier, define_all);
    return module != NULL && each_function(context, module, specifier, declare) ? module : NULL;
}
