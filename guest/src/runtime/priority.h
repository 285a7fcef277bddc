/*
 * Scheduling in a bulk transfer: under TCG each switch of process costs as much as moving 16 KiB.
 * While the host sends a lot, the agent runs first until it has passed everything on; otherwise a program that it wakes
 * would preempt it after every piece. While several connections send, the programs run first until they wait; the agent
 * then passes on in one turn what all of them sent. At other times the agent is scheduled as any other process, because
 * an agent that starves behind a busy process replies late.
 */
#ifndef GONDOLIN_PRIORITY_H
#define GONDOLIN_PRIORITY_H

#include <stddef.h>
#include <stdint.h>

/* Call once per loop turn, with the number of bytes that came from the host in it. */
void priority_note_input(size_t bytes);

/* Call for each packet of a connection that is queued. */
void priority_note_packet(uint32_t stream);

#endif
