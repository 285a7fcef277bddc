/*
 * Directories of which every name is known, so that the agent replies to lookups of missing names itself: the guest has made them, and the
 * host tells when somebody else makes a name in them. Linux looks each name up before it makes it. Thread-safe.
 */
#ifndef GONDOLIN_ABSENT_NAMES_H
#define GONDOLIN_ABSENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replies to a lookup of a missing name on `device_fd`. Call with each request, in order, before the host gets it. */
bool absent_names_answer(int device_fd, const uint8_t *request, size_t length);

/* Takes over a NOTIFY_WHOLE message. */
void absent_names_told(const uint8_t *message, size_t length);

/* Makes every lookup go to the host, but for directories that the host tells of later. */
void absent_names_forget_all(void);

/* From the first to the second nothing is known: so a saved machine knows nothing. */
void absent_names_pause(void);
void absent_names_resume(void);

#endif
