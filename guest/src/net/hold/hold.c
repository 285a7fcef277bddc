#include "net/hold/hold.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "channel/port.h"
#include "net/bpf/program.h"
#include "net/bpf/steer.h"
#include "net/conn.h"
#include "net/hold/ring.h"
#include "net/hold/segment.h"
#include "net/hold/socket.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define BUCKETS 1024
/* SYNs taken from the ring in one turn. */
#define MAX_SYNS 128
/* Bytes of OPEN, EOF and RESET frames that may be queued for a host that does not read. */
#define MAX_WAITING_BYTES 65536
/* The time in which an accepted SYN must become a connection: a program that has given up sends nothing. */
#define HANDSHAKE_MS 5000
#define SWEEP_MS 1000

struct held {
    struct net_tuple tuple;
    struct net_syn syn;
    /* NULL if the connection is admitted early. */
    struct connection *connection;
    bool is_accepted;
    /* Once accepted: when it is forgotten unless it has become a connection. */
    uint64_t due_ms;
    struct held *next_in_bucket;
};

static struct {
    struct held *buckets[BUCKETS];
    unsigned count;
    /* Includes those that the listener gave a socket. */
    unsigned connection_count;
    struct loop_timer sweep;
} hold;

static struct held **place_of(const struct net_tuple *tuple)
{
    /* FNV-1a. */
    uint32_t hash = 2166136261u;
    const uint8_t *bytes = (const uint8_t *)tuple;
    for (size_t i = 0; i < sizeof *tuple; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    struct held **place = &hold.buckets[hash % BUCKETS];
    while (*place != NULL && memcmp(&(*place)->tuple, tuple, sizeof *tuple) != 0)
        place = &(*place)->next_in_bucket;
    return place;
}

static void forget(struct held *held)
{
    struct held **place = place_of(&held->tuple);
    if (held->is_accepted && net_steer_set_accepted(&held->tuple, 0) != 0)
        log_warning("cannot hold a connection again: %s", strerror(errno));
    *place = held->next_in_bucket;
    hold.count--;
    free(held);
}

static void let_through(struct held *held, uint8_t how)
{
    if (held->is_accepted)
        return;
    held->is_accepted = true;
    held->due_ms = loop_now_ms() + HANDSHAKE_MS;
    if (net_steer_set_accepted(&held->tuple, how) != 0)
        log_warning("cannot let a connection through: %s", strerror(errno));
    net_hold_send_syn(&held->syn);
    if (!hold.sweep.is_set)
        loop_timer_set(&hold.sweep, SWEEP_MS);
}

static void on_accepted(void *owner)
{
    let_through(owner, NET_ACCEPTED);
}

/* The connection ended before it was established. */
static void on_refused(void *owner, uint32_t reason)
{
    struct held *held = owner;
    hold.connection_count--;
    switch (reason) {
    case GONDOLIN_RESET_TIMED_OUT:
    /* The host sent no reason because a new session began; the retransmitted SYN is asked about in that one. */
    case 0:
        break;
    case GONDOLIN_RESET_HOST_UNREACHABLE:
        net_hold_send_unreachable(&held->syn, NET_UNREACHABLE_HOST);
        break;
    case GONDOLIN_RESET_NETWORK_UNREACHABLE:
        net_hold_send_unreachable(&held->syn, NET_UNREACHABLE_NETWORK);
        break;
    default:
        net_hold_send_reset(&held->syn);
        break;
    }
    forget(held);
}

static void on_closed(void)
{
    hold.connection_count--;
}

static const struct net_conn_events events = {
    .on_accepted = on_accepted,
    .on_refused = on_refused,
    .on_closed = on_closed,
};

bool net_hold_can_ask(void)
{
    return hold.connection_count < GONDOLIN_MAX_TCP_STREAMS && port_outbox()->bulk_bytes < MAX_WAITING_BYTES;
}

static void ask(struct held *held)
{
    held->connection = net_conn_open(&held->tuple, held->syn.family == 4, &events, held);
    if (held->connection != NULL) {
        hold.connection_count++;
        return;
    }
    /* The destination is port 0, or memory is out. */
    net_hold_send_reset(&held->syn);
    forget(held);
}

static void hold_syn(const struct net_syn *syn)
{
    struct net_tuple tuple;
    if (!net_segment_tuple(syn, &tuple))
        return;
    struct held **place = place_of(&tuple);
    if (*place != NULL) {
        /* Retransmitted; or sent by another program after the first gave up: then its numbers are the current ones. */
        if (!(*place)->is_accepted)
            (*place)->syn = *syn;
        return;
    }
    struct held *held = hold.count < NET_HOLD_MAX ? calloc(1, sizeof *held) : NULL;
    if (held == NULL)
        return;
    held->tuple = tuple;
    held->syn = *syn;
    *place = held;
    hold.count++;
    if (net_hold_can_ask())
        ask(held);
    else
        let_through(held, NET_ACCEPTED_EARLY);
}

static void on_syns(struct loop_source *source, uint32_t ready)
{
    (void)source;
    (void)ready;
    struct net_syn syn;
    for (int i = 0; i < MAX_SYNS && net_ring_take(&syn); i++)
        hold_syn(&syn);
}

/* Forgets programs that gave up after the host had accepted. */
static void on_sweep(struct loop_timer *timer)
{
    bool is_waiting = false;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct held *held = hold.buckets[i], *next; held != NULL; held = next) {
            next = held->next_in_bucket;
            if (!held->is_accepted)
                continue;
            if (held->due_ms > loop_now_ms())
                is_waiting = true;
            else if (held->connection != NULL)
                net_conn_give_up(held->connection);
            else
                forget(held);
        }
    }
    if (is_waiting)
        loop_timer_set(timer, SWEEP_MS);
}

static bool tuple_of(int fd, struct net_tuple *tuple)
{
    union net_sockaddr local;
    union net_sockaddr remote;
    socklen_t local_length = sizeof local;
    socklen_t remote_length = sizeof remote;
    memset(&local, 0, sizeof local);
    memset(&remote, 0, sizeof remote);
    memset(tuple, 0, sizeof *tuple);
    if (getsockname(fd, &local.any, &local_length) != 0 || getpeername(fd, &remote.any, &remote_length) != 0)
        return false;
    bool is_v4 = local.any.sa_family == AF_INET;
    tuple->local = is_v4 ? net_address_v4((const uint8_t *)&local.v4.sin_addr)
                         : net_address_v6((const uint8_t *)&local.v6.sin6_addr);
    tuple->remote = is_v4 ? net_address_v4((const uint8_t *)&remote.v4.sin_addr)
                          : net_address_v6((const uint8_t *)&remote.v6.sin6_addr);
    tuple->local_port = ntohs(is_v4 ? local.v4.sin_port : local.v6.sin6_port);
    tuple->remote_port = is_v4 ? remote.v4.sin_port : remote.v6.sin6_port;
    return true;
}

bool net_hold_adopt(int fd)
{
    struct net_tuple tuple;
    if (!tuple_of(fd, &tuple))
        return false;
    struct held *held = *place_of(&tuple);
    if (held == NULL || !held->is_accepted || held->connection == NULL)
        return false;
    struct connection *connection = held->connection;
    forget(held);
    net_conn_attach(connection, fd);
    return true;
}

bool net_hold_start_early(int fd)
{
    struct net_tuple tuple;
    if (!tuple_of(fd, &tuple))
        return false;
    /* Its handshake is over, and its entry may be long gone. */
    struct held *held = *place_of(&tuple);
    if (held != NULL && held->connection == NULL)
        forget(held);
    struct connection *connection = net_conn_open(&tuple, net_address_is_v4(&tuple.local), &events, NULL);
    if (connection == NULL)
        return false;
    hold.connection_count++;
    net_conn_attach(connection, fd);
    return true;
}

bool net_hold_start(struct failure *failure)
{
    hold.sweep.on_due = on_sweep;
    int ring = net_ring_open(failure);
    return ring >= 0 && net_hold_open_sockets(ring, failure) && net_ring_watch(on_syns, failure);
}
