/*
 * CONNECT: the host asks for a connection to a server in the guest. Only to addresses of the guest and what it reaches by
 * itself (containers on a bridge), never to one whose connections the host carries.
 */
#ifndef GONDOLIN_NET_CONNECT_H
#define GONDOLIN_NET_CONNECT_H

/* Serves the CONNECT streams from now on. Needs no NETWORK. */
void net_connect_init(void);

#endif
