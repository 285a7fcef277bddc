/* The clone identity: what must differ between copies of one saved machine (clock, names, random numbers). */
#ifndef GONDOLIN_IDENTITY_H
#define GONDOLIN_IDENTITY_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Mounts the files that carry the identity, once the root is switched. Call before identity_set(). */
bool identity_prepare(struct failure *failure);

bool identity_set(const struct identity_request *request, struct failure *failure);

#endif
