/*
 * Sends "port unreachable" at once to the sender of an IPv4 datagram to a foreign address and a port other than 53 that
 * no socket takes, so that QUIC falls back to TCP. The kernel does not send it in the name of an address that it does
 * not have.
 */
#ifndef GONDOLIN_NET_REFUSE_H
#define GONDOLIN_NET_REFUSE_H

#include "runtime/failure.h"

bool net_refuse_start(struct failure *failure);

#endif
