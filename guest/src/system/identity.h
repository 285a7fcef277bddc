/* What must differ between two guests: time, name, random numbers. */
#ifndef GONDOLIN_IDENTITY_H
#define GONDOLIN_IDENTITY_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Once the root is switched: mounts the files that carry the identity. An identity can be set afterwards only. */
bool identity_prepare(struct failure *failure);

bool identity_set(const struct identity_request *request, struct failure *failure);

#endif
