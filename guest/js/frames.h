/*
 * Frames between the host and gondolin-js, on its standard input and output: u32 length of the payload, u8 type, 3 zero
 * bytes, payload; little-endian. The host sends the next request after the reply to the last one, so whichever process
 * waits for a request reads exactly one frame. src/js/wire/ is the other side.
 */
#ifndef GONDOLIN_JS_FRAMES_H
#define GONDOLIN_JS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 8
#define FRAME_MAX_BYTES (256u * 1024 * 1024)

enum frame_type {
    /* Requests of the host. */
    FRAME_LOAD =
        1, /* JSON: {handlers: [[name, code]], modules: {specifier: code}, hostModules: {name: [function]}, hasFetch} */
    FRAME_CALL = 2, /* u32 flags, u32 wall-clock limit in ms, u32 CPU limit in ms, u16 length, name, event as JSON */
    FRAME_SNAPSHOT = 3,    /* u32 id */
    FRAME_RESTORE = 4,     /* u32 id; 0 is the runtime without handlers */
    FRAME_FORGET = 5,      /* u32 id; no reply */
    FRAME_HOST_RESULT = 6, /* u8 1 for a throw, value */
    FRAME_START = 7,       /* u64 heap, u64 stack, u64 result, each its largest size in bytes; the first request */
    FRAME_KEEP = 8,        /* u32 id: frees all snapshots but this one and 0; no reply */
    FRAME_IDENTITY = 9,    /* u64 nanoseconds since 1970, entropy: of a copy of a machine, before its first LOAD */
    FRAME_MORE = 10,       /* u32 microseconds of CPU time that the CALL gets besides; 0 ends it */

    /* Replies of the guest. */
    FRAME_READY = 32,       /* after START, IDENTITY and RESTORE */
    FRAME_LOADED = 33,      /* empty */
    FRAME_RESULT = 34,      /* call statistics, result as JSON */
    FRAME_FAILED = 35,      /* call statistics, u8 enum failure_kind, message */
    FRAME_SNAPSHOTTED = 36, /* empty */
    FRAME_DIED = 37,        /* call statistics, u8 enum death */
    FRAME_REFUSED = 38,     /* message: the request could not be carried out, and nothing changed */

    /* In the middle of a LOAD or CALL. */
    FRAME_HOST_CALL = 48, /* u16 length, module, u16 length, function, u16 count, values */
    FRAME_PRINT = 49,     /* u8 1 for an error, text; no reply */
    /*
     * u32 microseconds of CPU time between the last reply and this CALL, which has CALL_FLAG_ASK, has reached its CPU limit and waits for
     * MORE.
     */
    FRAME_CPU_LIMIT = 50,
};

/* Call statistics: u64 wall-clock time in µs, u64 CPU time in µs, u64 heap in bytes. */
#define STATISTICS_BYTES 24

/* A value is u8 kind, u32 length, bytes. */
enum value_kind { VALUE_JSON = 0, VALUE_BYTES = 1, VALUE_UNDEFINED = 2 };

#define CALL_FLAG_GC 1
/* The host decides at the CPU limit: this kernel counts time for the engine in which its processor did not run. */
#define CALL_FLAG_ASK 2

enum failure_kind { FAILURE_INTERNAL = 0, FAILURE_STACK_OVERFLOW = 1 };

/* Why an engine ended before its reply. */
enum death { DEATH_CRASH = 0, DEATH_HEAP = 1, DEATH_WALL_CLOCK = 2, DEATH_CPU_TIME = 3, DEATH_KILLED = 4 };

struct frame {
    uint8_t type;
    uint8_t *payload; /* malloc()ed, with a zero byte after it */
    size_t length;
};

/* Before all others. A port reads as empty while the host is not connected: that is not its end. */
void frames_init(bool is_port);

bool frames_have_port(void);

/* Waits for a frame. Returns false at the end of the input; a broken frame ends the process. */
bool frame_read(struct frame *frame);

void frame_free(struct frame *frame);

/* Waits for a frame of this type with one number, in the handler of a signal too. False at the end of the input. */
bool frame_read_u32(uint8_t type, uint32_t *value);

/* Parts of a payload to be written as one frame. */
struct frame_part {
    const void *bytes;
    size_t length;
};

/* Writes a frame; ends the process when the host is gone. */
void frame_write(uint8_t type, const struct frame_part *parts, size_t count);

#endif
