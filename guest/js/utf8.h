/* UTF-8 in C: a decoder in JavaScript takes seconds for a megabyte without KVM. */
#ifndef GONDOLIN_JS_UTF8_H
#define GONDOLIN_JS_UTF8_H

#include "quickjs.h"

/* The text of a Uint8Array of valid UTF-8; undefined for any other value. */
JSValue utf8_decode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);

/* The bytes of a text, as an ArrayBuffer. */
JSValue utf8_encode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);

#endif
