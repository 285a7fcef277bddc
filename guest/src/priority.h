/*
 * Who runs first while the host sends a lot: the agent, until it has passed everything on. A program that it wakes would
 * else take its place after every piece, and under TCG each change of process costs as much as moving 16 KiB.
 */
#ifndef GONDOLIN_PRIORITY_H
#define GONDOLIN_PRIORITY_H

#include <stddef.h>

/* Called once per loop turn with the bytes that came from the host in it. */
void priority_note_input(size_t bytes);

#endif
