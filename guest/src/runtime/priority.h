/*
 * Who runs first: under TCG each change of process costs as much as moving 16 KiB.
 * While the host sends a lot, the agent, until it has passed everything on: a program that it wakes would else take its
 * place after every piece. While several connections send, the programs, until they wait: the agent then passes on what
 * all of them sent in one turn. Else it is a process like any other, for one that waits behind a busy process answers late.
 */
#ifndef GONDOLIN_PRIORITY_H
#define GONDOLIN_PRIORITY_H

#include <stddef.h>
#include <stdint.h>

/* Called once per loop turn with the bytes that came from the host in it. */
void priority_note_input(size_t bytes);

/* Called for each packet of a connection that leaves. */
void priority_note_packet(uint32_t stream);

#endif
