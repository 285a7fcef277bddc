/*
 * Tells who sends an IPv4 datagram to another port than 53 of a foreign address that nobody takes it: "port unreachable",
 * at once, so that QUIC falls back to TCP. The kernel does not say it in the name of an address it does not have.
 */
#ifndef GONDOLIN_NET_REFUSE_H
#define GONDOLIN_NET_REFUSE_H

#include "runtime/failure.h"

bool net_refuse_start(struct failure *failure);

#endif
