/* What must differ between two guests: time, name, random numbers. */
#ifndef GONDOLIN_IDENTITY_H
#define GONDOLIN_IDENTITY_H

#include "message.h"
#include "process.h"

bool identity_set(const struct identity_request *request, struct failure *failure);

#endif
