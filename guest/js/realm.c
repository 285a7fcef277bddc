#include "realm.h"

#include <stdio.h>
#include <sys/random.h>

#include "event_loop.h"
#include "host_module.h"
#include "js/prelude.h"
#include "memory.h"
#include "module_loader.h"
#include "runtime/util.h"
#include "shared.h"

#define MAX_EXCEPTION_BYTES 16384
#define MAX_RANDOM_BYTES 65536

JSContext *realm;

static JSValue print(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this;
    const char *text = argc < 2 ? NULL : JS_ToCStringLen(context, &length, argv[1]);
    if (text == NULL)
        return JS_EXCEPTION;
    uint8_t is_error = JS_ToBool(context, argv[0]) == 1;
    host_send(FRAME_PRINT, (struct frame_part[]){{&is_error, 1}, {text, length}}, 2);
    JS_FreeCString(context, text);
    return JS_UNDEFINED;
}

static JSValue random_bytes(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    static uint8_t bytes[MAX_RANDOM_BYTES];
    uint32_t count;
    (void)this;
    if (argc < 1 || JS_ToUint32(context, &count, argv[0]) != 0)
        return JS_EXCEPTION;
    if (count > sizeof bytes)
        return JS_ThrowRangeError(context, "more than %d random bytes at once", MAX_RANDOM_BYTES);
    for (size_t done = 0; done < count;) {
        long got = RETRY_EINTR(getrandom(bytes + done, count - done, 0));
        if (got < 0)
            return JS_ThrowInternalError(context, "no random bytes: %s", strerror(errno));
        done += (size_t)got;
    }
    return JS_NewArrayBufferCopy(context, bytes, count);
}

static JSValue encode_utf8(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this;
    const char *text = argc < 1 ? NULL : JS_ToCStringLen(context, &length, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    JSValue bytes = JS_NewArrayBufferCopy(context, (const uint8_t *)text, length);
    JS_FreeCString(context, text);
    return bytes;
}

/* The prelude takes these functions and removes the object. */
static void add_native_functions(void)
{
    static const struct {
        const char *name;
        JSCFunction *function;
        int length;
    } functions[] = {
        {"print", print, 2},
        {"randomBytes", random_bytes, 1},
        {"encodeUtf8", encode_utf8, 1},
        {"setTimer", event_loop_set_timer, 2},
        {"clearTimer", event_loop_clear_timer, 1},
    };
    JSValue native = JS_NewObject(realm);
    for (size_t i = 0; i < ARRAY_LENGTH(functions); i++)
        (void)JS_SetPropertyStr(realm, native, functions[i].name,
                                JS_NewCFunction(realm, functions[i].function, functions[i].name, functions[i].length));
    JSValue global = JS_GetGlobalObject(realm);
    (void)JS_SetPropertyStr(realm, global, "__native", native);
    JS_FreeValue(realm, global);
}

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "gondolin-js: %s\n", what);
    _exit(5);
}

void realm_make(void)
{
    JSRuntime *runtime = JS_NewRuntime2(&memory_functions, NULL);
    realm = runtime == NULL ? NULL : JS_NewContext(runtime);
    if (realm == NULL)
        fail("no memory for the engine");
    JS_SetModuleLoaderFunc(runtime, NULL, module_load, NULL);
    /* The prelude's own stack: what limits a handler is set when an engine starts. */
    JS_SetMaxStackSize(runtime, 0);
    add_native_functions();
    JSValue result = JS_Eval(realm, prelude, sizeof prelude - 1, "gondolin:prelude", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(result)) {
        bool is_overflow;
        fail(realm_take_exception(&is_overflow));
    }
    JS_FreeValue(realm, result);
    JS_RunGC(runtime);
}

void realm_limit(void)
{
    JSRuntime *runtime = JS_GetRuntime(realm);
    JS_SetMemoryLimit(runtime, memory_used() + settings.heap_bytes);
    JS_UpdateStackTop(runtime);
    JS_SetMaxStackSize(runtime, settings.stack_bytes);
}

/* NULL where the value has no text. */
static char *text_of(JSValueConst value)
{
    size_t length;
    const char *text = JS_ToCStringLen(realm, &length, value);
    if (text == NULL) {
        JS_FreeValue(realm, JS_GetException(realm));
        return NULL;
    }
    char *copy = strndup(text, length < MAX_EXCEPTION_BYTES ? length : MAX_EXCEPTION_BYTES);
    JS_FreeCString(realm, text);
    return copy;
}

char *realm_take_exception(bool *is_overflow)
{
    JSValue exception = JS_GetException(realm);
    JS_ResetUncatchableError(realm);
    char *text = text_of(exception);
    JS_FreeValue(realm, exception);
    *is_overflow = text != NULL && strcmp(text, "InternalError: stack overflow") == 0;
    return text == NULL ? strdup("an exception without a text") : text;
}
