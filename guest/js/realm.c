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
#include "utf8.h"

#define MAX_EXCEPTION_BYTES 16384
#define MAX_RANDOM_BYTES 65536

JSContext *realm;

/* Functions of C for the prelude, and `hooks`: those of the prelude for C. */
static JSValue native;

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

/* xorshift64*; 0 is not seeded yet. */
static uint64_t random_state;

void realm_forget_random(void)
{
    random_state = 0;
}

/* Math.random: the engine's own is seeded once, before the machine is saved, and its copies would all have the same numbers. */
static JSValue math_random(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)this;
    (void)argc;
    (void)argv;
    while (random_state == 0) {
        if (getrandom(&random_state, sizeof random_state, 0) != (long)sizeof random_state)
            random_state = 0;
    }
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return JS_NewFloat64(context, (double)((random_state * 0x2545F4914F6CDD1DULL) >> 11) / 9007199254740992.0);
}

/* Evaluates a part of the prelude, a function of the natives. False with an exception. */
static bool evaluate(const char *text, size_t length, const char *name)
{
    JSValue function = JS_Eval(realm, text, length, name, JS_EVAL_TYPE_GLOBAL);
    JSValue result = JS_IsException(function) ? JS_EXCEPTION : JS_Call(realm, function, JS_UNDEFINED, 1, &native);
    JS_FreeValue(realm, function);
    bool is_ok = !JS_IsException(result);
    JS_FreeValue(realm, result);
    return is_ok;
}

static JSValue evaluate_url(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    (void)context;
    (void)this;
    (void)argc;
    (void)argv;
    return evaluate(prelude_url, sizeof prelude_url - 1, "gondolin:url") ? JS_UNDEFINED : JS_EXCEPTION;
}

bool realm_add_fetch(void)
{
    return evaluate(prelude_fetch, sizeof prelude_fetch - 1, "gondolin:fetch");
}

static void make_native(void)
{
    static const struct {
        const char *name;
        JSCFunction *function;
        int length;
    } functions[] = {
        {"print", print, 2},
        {"randomBytes", random_bytes, 1},
        {"encodeUtf8", utf8_encode, 1},
        {"decodeUtf8", utf8_decode, 1},
        {"setTimer", event_loop_set_timer, 2},
        {"clearTimer", event_loop_clear_timer, 1},
        {"hostCall", host_call, 2},
        {"evaluateUrl", evaluate_url, 0},
    };
    native = JS_NewObjectProto(realm, JS_NULL);
    JSValue hooks = JS_NewObjectProto(realm, JS_NULL);
    event_loop_set_hooks(realm, hooks);
    (void)JS_SetPropertyStr(realm, native, "hooks", hooks);
    for (size_t i = 0; i < ARRAY_LENGTH(functions); i++)
        (void)JS_SetPropertyStr(realm, native, functions[i].name,
                                JS_NewCFunction(realm, functions[i].function, functions[i].name, functions[i].length));
}

static void replace_random(void)
{
    JSValue global = JS_GetGlobalObject(realm);
    JSValue math = JS_GetPropertyStr(realm, global, "Math");
    JSValue function = JS_NewCFunction(realm, math_random, "random", 0);
    (void)JS_DefinePropertyValueStr(realm, math, "random", function, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_FreeValue(realm, math);
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
    make_native();
    replace_random();
    if (!evaluate(prelude, sizeof prelude - 1, "gondolin:prelude")) {
        bool is_overflow;
        fail(realm_take_exception(&is_overflow));
    }
    JS_RunGC(runtime);
}

void realm_limit(void)
{
    JSRuntime *runtime = JS_GetRuntime(realm);
    JS_SetMemoryLimit(runtime, memory_used() + shared->settings.heap_bytes);
    JS_UpdateStackTop(runtime);
    JS_SetMaxStackSize(runtime, shared->settings.stack_bytes);
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
