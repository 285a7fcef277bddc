/*
 * How an engine takes over from another one without a process between them: each change of process empties QEMU's cache of page
 * translations. The engine that is asked to restore a snapshot says so in the shared page, wakes the snapshot's process (snapshot.h), and
 * ends after its successor has greeted the host. The keeper learns of it when the old engine has ended.
 */
#ifndef GONDOLIN_JS_HANDOVER_H
#define GONDOLIN_JS_HANDOVER_H

#include <stdint.h>

/* Instead of the process of an engine. */
enum no_engine { ENGINE_AWAITED = 0, ENGINE_FAILED = -1 };

/* The process of the last engine, ended or not, or one of enum no_engine. */
int32_t handover_engine(void);

/* Engines have numbers. */
uint32_t handover_number(void);

/* The snapshot that the last engine is forked from. */
uint32_t handover_snapshot(void);

/* Announces the next engine, which is to be forked from this snapshot. */
void handover_begin(uint32_t snapshot);

/* Says what became of the engine of this number, its process or ENGINE_FAILED. Only the first time counts. */
void handover_end(uint32_t number, int32_t engine);

/* The engine of this number has greeted the host. */
void handover_greeted(uint32_t number);

/* Waits until the last engine has greeted the host, could not be forked, or takes too long. */
void handover_await_greeting(void);

/* The keeper follows the engine of this number: it will see its end. */
void handover_followed(uint32_t number);

/* Waits until the keeper follows the last engine, that is, has seen the end of the one before it. */
void handover_await_keeper(void);

#endif
