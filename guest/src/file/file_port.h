/*
 * The port of the file channel: requests go to the host, replies and notifications come from it. Sending can be held back, for a save of
 * the machine, and both directions are counted.
 */
#ifndef GONDOLIN_FILE_PORT_H
#define GONDOLIN_FILE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes over a blocking descriptor. Call once, before any other function. */
void file_port_start(int port_fd);

/* Sends whole requests. Waits while requests are held back, and for as long as the host does not read. For one thread only. */
void file_port_send(const uint8_t *requests, size_t count);

/* Waits for bytes of the host and reads up to `room` of them. Returns at least 1. For one thread only. */
size_t file_port_read(uint8_t *bytes, size_t room);

/* Counts bytes from the host once the kernel or the agent has what they say. */
void file_port_count_received(size_t count);

/* Holds back requests. Returns true once none is being sent; replies still reach the kernel. Call it again until it returns true. */
bool file_port_pause(void);
void file_port_resume(void);

/* Counts since the start of the machine: bytes sent to the host, and bytes from it that reached the kernel. */
void file_port_counts(uint64_t *sent, uint64_t *received);

#endif
