/*
 * FREEZE and THAW: stops the guest so that its memory can be saved, and resumes it, in this machine or in one restored
 * from the copy.
 */
#ifndef GONDOLIN_FREEZE_H
#define GONDOLIN_FREEZE_H

#include "channel/message.h"

/* Stops the guest's processes and both ports, then replies FROZEN: the last frame until a THAW. */
void freeze_start(uint32_t request_id);

/*
 * Sets the identity, opens the ports and resumes the processes; replies OK or FAILED, after a HELLO for a new session.
 */
void freeze_end(uint32_t request_id, const struct thaw_request *thaw);

#endif
