#include "call.h"

#include "event_loop.h"
#include "host_module.h"
#include "limits.h"
#include "memory.h"
#include "module_loader.h"
#include "realm.h"
#include "runtime/util.h"
#include "value.h"

/* Loading has no options: long enough for big programs on emulated processors, and an end for a top level without one. */
#define LOAD_LIMIT_MS 10000

#define CALL_HEADER_BYTES 14

/* Handlers by their name, on an object without a prototype. */
static JSValue handlers;

/* Stops the clocks; what comes after them is not JavaScript. */
static struct frame_part end_of_call(uint64_t *statistics)
{
    shared->heap_bytes = memory_used();
    limits_stop();
    statistics[0] = shared->wall_us;
    statistics[1] = shared->cpu_us;
    statistics[2] = shared->heap_bytes;
    return (struct frame_part){statistics, STATISTICS_BYTES};
}

static void reply(uint8_t type, const struct frame_part *parts, size_t count)
{
    host_send(type, parts, count);
    shared->is_owing = false;
}

static void reply_failed(void)
{
    bool is_overflow;
    uint64_t statistics[3];
    AUTO_FREE char *text = realm_take_exception(&is_overflow);
    uint8_t kind = is_overflow ? FAILURE_STACK_OVERFLOW : FAILURE_INTERNAL;
    struct frame_part first = end_of_call(statistics);
    const char *message = text == NULL ? "" : text;
    reply(FRAME_FAILED, (struct frame_part[]){first, {&kind, 1}, {message, strlen(message)}}, 3);
}

/* Runs one handler's module and keeps its function. */
static bool load_handler(JSValueConst entry)
{
    JSValue name = JS_GetPropertyUint32(realm, entry, 0);
    JSValue code = JS_GetPropertyUint32(realm, entry, 1);
    size_t length;
    const char *name_text = JS_ToCString(realm, name);
    const char *code_text = JS_ToCStringLen(realm, &length, code);
    JSValue exports = JS_UNDEFINED;
    JSValue handler = JS_EXCEPTION;
    if (name_text != NULL && code_text != NULL) {
        AUTO_FREE char *module_name = malloc(strlen(name_text) + sizeof "handler:");
        if (module_name != NULL) {
            (void)strcat(strcpy(module_name, "handler:"), name_text);
            exports = module_run(realm, module_name, code_text, length);
        }
    }
    if (!JS_IsException(exports))
        handler = JS_GetPropertyStr(realm, exports, "handler");
    bool is_ok = JS_IsFunction(realm, handler);
    if (is_ok)
        is_ok = JS_SetPropertyStr(realm, handlers, name_text, handler) >= 0;
    else if (!JS_IsException(handler)) {
        JS_FreeValue(realm, handler);
        (void)JS_ThrowTypeError(realm, "handler '%s' does not export a function named 'handler'", name_text);
    }
    JS_FreeValue(realm, exports);
    JS_FreeCString(realm, name_text);
    JS_FreeCString(realm, code_text);
    JS_FreeValue(realm, name);
    JS_FreeValue(realm, code);
    return is_ok;
}

static bool load_handlers(JSValueConst list)
{
    uint32_t count = value_array_length(realm, list);
    for (uint32_t i = 0; i < count; i++) {
        JSValue entry = JS_GetPropertyUint32(realm, list, i);
        bool is_ok = load_handler(entry);
        JS_FreeValue(realm, entry);
        if (!is_ok)
            return false;
    }
    return true;
}

static bool load_program(const struct frame *frame)
{
    JSValue program = JS_ParseJSON(realm, (const char *)frame->payload, frame->length, "host");
    if (JS_IsException(program))
        return false;
    JS_FreeValue(realm, handlers);
    handlers = JS_NewObjectProto(realm, JS_NULL);
    module_sources_define(realm, JS_GetPropertyStr(realm, program, "modules"));
    host_modules_define(realm, JS_GetPropertyStr(realm, program, "hostModules"));
    JSValue has_fetch = JS_GetPropertyStr(realm, program, "hasFetch");
    JSValue list = JS_GetPropertyStr(realm, program, "handlers");
    bool is_ok = (JS_ToBool(realm, has_fetch) != 1 || realm_add_fetch()) && load_handlers(list);
    JS_FreeValue(realm, has_fetch);
    JS_FreeValue(realm, list);
    JS_FreeValue(realm, program);
    return is_ok;
}

void call_load(const struct frame *frame)
{
    uint64_t statistics[3];
    limits_start(LOAD_LIMIT_MS, 0, false);
    if (!load_program(frame)) {
        reply_failed();
        return;
    }
    struct frame_part part = end_of_call(statistics);
    reply(FRAME_LOADED, &part, 1);
}

/* The handler's result as JSON; an exception where it throws or has none. */
static JSValue run_handler(const char *name, const char *event, size_t event_length)
{
    JSValue handler = JS_IsObject(handlers) ? JS_GetPropertyStr(realm, handlers, name) : JS_UNDEFINED;
    if (!JS_IsFunction(realm, handler)) {
        JS_FreeValue(realm, handler);
        return JS_ThrowReferenceError(realm, "there is no handler '%s'", name);
    }
    JSValue argument = JS_ParseJSON(realm, event, event_length, "event");
    JSValue result = JS_EXCEPTION;
    if (!JS_IsException(argument))
        result = JS_Call(realm, handler, JS_UNDEFINED, 1, &argument);
    JS_FreeValue(realm, argument);
    JS_FreeValue(realm, handler);
    if (!JS_IsException(result))
        result = event_loop_await(realm, result);
    if (JS_IsException(result))
        return result;
    JSValue json = JS_JSONStringify(realm, result, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(realm, result);
    if (JS_IsUndefined(json))
        return JS_ThrowTypeError(realm, "handler '%s' returned nothing that has a JSON form", name);
    return json;
}

static void reply_result(JSValue json)
{
    uint64_t statistics[3];
    size_t length;
    const char *text = JS_ToCStringLen(realm, &length, json);
    JS_FreeValue(realm, json);
    if (text != NULL && length > shared->settings.output_bytes) {
        JS_FreeCString(realm, text);
        text = NULL;
        (void)JS_ThrowRangeError(realm, "the result has %zu bytes as JSON, and the output buffer %zu", length,
                                 shared->settings.output_bytes);
    }
    if (text == NULL) {
        reply_failed();
        return;
    }
    struct frame_part first = end_of_call(statistics);
    reply(FRAME_RESULT, (struct frame_part[]){first, {text, length}}, 2);
    JS_FreeCString(realm, text);
}

void call_collect_garbage(void)
{
    static size_t used_then;
    if (memory_used() <= used_then)
        return;
    JS_RunGC(JS_GetRuntime(realm));
    used_then = memory_used();
}

void call_handler(const struct frame *frame)
{
    if (frame->length < CALL_HEADER_BYTES)
        _exit(2);
    uint8_t *bytes = frame->payload;
    size_t name_length = load_u16(bytes + 12);
    if (name_length > frame->length - CALL_HEADER_BYTES)
        _exit(2);
    size_t start = CALL_HEADER_BYTES + name_length;
    /* Moved over its length, which leaves room for its end: a copy on the stack would be 16 pages that each engine copies first. */
    char *name = (char *)bytes + CALL_HEADER_BYTES - 2;
    memmove(name, bytes + CALL_HEADER_BYTES, name_length);
    name[name_length] = '\0';
    limits_start(load_u32(bytes + 4), load_u32(bytes + 8), (load_u32(bytes) & CALL_FLAG_ASK) != 0);
    JSValue json = run_handler(name, (const char *)bytes + start, frame->length - start);
    if (JS_IsException(json))
        reply_failed();
    else
        reply_result(json);
    if (load_u32(bytes) & CALL_FLAG_GC)
        call_collect_garbage();
}
