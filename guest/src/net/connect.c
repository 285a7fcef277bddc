#include "net/connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "channel/streams.h"
#include "net/conn.h"
#include "net/interfaces.h"
#include "net/packet/destination.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define LIMIT_MS 10000
/* Addresses that are tried for "any". */
#define MAX_CANDIDATES 64

struct attempt {
    /* The socket that is connecting; -1 between two candidates. */
    struct loop_source source;
    struct loop_timer limit;
    struct mux_stream *stream;
    uint16_t port;
    /* Why the candidates so far failed. */
    uint32_t reason;
    size_t next;
    size_t count;
    /* The candidates are the guest's addresses. */
    bool is_any;
    struct net_address candidates[MAX_CANDIDATES];
};

static const uint8_t LOOPBACK_V4[4] = {127, 0, 0, 1};
static const uint8_t LOOPBACK_V6[16] = {[15] = 1};

static bool is_equal(const struct net_address *a, const struct net_address *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool is_loopback(const struct net_address *address)
{
    const struct net_address v6 = net_address_v6(LOOPBACK_V6);
    return (net_address_is_v4(address) && address->bytes[12] == 127) || is_equal(address, &v6);
}

static bool is_own(const struct net_address *address)
{
    static struct net_address own[4096];
    size_t count = net_interfaces_list(own, ARRAY_LENGTH(own));
    for (size_t i = 0; i < count; i++) {
        if (is_equal(&own[i], address))
            return true;
    }
    return false;
}

static union net_sockaddr to_sockaddr(const struct net_address *address, uint16_t port, socklen_t *length)
{
    union net_sockaddr result;
    memset(&result, 0, sizeof result);
    if (net_address_is_v4(address)) {
        result.v4.sin_family = AF_INET;
        result.v4.sin_port = htons(port);
        memcpy(&result.v4.sin_addr, address->bytes + 12, 4);
        *length = sizeof result.v4;
    } else {
        result.v6.sin6_family = AF_INET6;
        result.v6.sin6_port = htons(port);
        memcpy(&result.v6.sin6_addr, address->bytes, 16);
        *length = sizeof result.v6;
    }
    return result;
}

static uint32_t reason_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
        return GONDOLIN_RESET_REFUSED;
    case ETIMEDOUT:
        return GONDOLIN_RESET_TIMED_OUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM:
    case EINVAL:
        return GONDOLIN_RESET_HOST_UNREACHABLE;
    default:
        return GONDOLIN_RESET_CANCELLED;
    }
}

/* "Nothing listens" says more than what another candidate failed with. */
static void note_failure(struct attempt *attempt, uint32_t reason)
{
    if (attempt->reason != GONDOLIN_RESET_REFUSED)
        attempt->reason = reason;
}

static void free_attempt(void *owner)
{
    struct attempt *attempt = owner;
    loop_timer_clear(&attempt->limit);
    loop_remove(&attempt->source);
    close_quietly(attempt->source.fd);
    free(attempt);
}

static const struct stream_handlers handlers = {.on_end = free_attempt};

/* A connection to a port that nobody listens on may get that port itself, and connect to itself. */
static bool is_to_itself(int fd)
{
    union net_sockaddr ends[2];
    memset(ends, 0, sizeof ends);
    socklen_t lengths[2] = {sizeof ends[0], sizeof ends[1]};
    return getsockname(fd, &ends[0].any, &lengths[0]) == 0 && getpeername(fd, &ends[1].any, &lengths[1]) == 0 &&
           lengths[0] == lengths[1] && memcmp(&ends[0], &ends[1], lengths[0]) == 0;
}

/* Frees the attempt. */
static void hand_over(struct attempt *attempt)
{
    struct mux_stream *stream = attempt->stream;
    loop_remove(&attempt->source);
    int fd = take_fd(&attempt->source.fd);
    streams_detach(stream);
    free_attempt(attempt);
    net_conn_carry(stream, fd);
}

/* Opens a socket that a server of the guest sees as a loopback peer; `is_known`: an own address. -1 with errno. */
static int open_socket(const struct net_address *address, bool is_known)
{
    const int on = 1;
    bool is_v4 = net_address_is_v4(address);
    bool needs_source = !is_loopback(address);
    bool is_local = is_known || !needs_source || is_own(address);
    if (!is_local && !net_interfaces_has_route(address)) {
        errno = EHOSTUNREACH;
        return -1;
    }
    AUTO_CLOSE int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (is_local && needs_source) {
        const struct net_address loopback = is_v4 ? net_address_v4(LOOPBACK_V4) : net_address_v6(LOOPBACK_V6);
        socklen_t length;
        union net_sockaddr source = to_sockaddr(&loopback, 0, &length);
        /* The port is chosen at connect(), so that one port serves connections to several servers. */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, &source.any, length) != 0)
            return -1;
    }
    return take_fd(&fd);
}

/* Starts to connect to one candidate: 0 if it is connected or under way, else the errno. */
static int start_candidate(struct attempt *attempt, const struct net_address *address)
{
    socklen_t length;
    union net_sockaddr destination = to_sockaddr(address, attempt->port, &length);
    AUTO_CLOSE int fd = open_socket(address, attempt->is_any);
    if (fd < 0)
        return errno;
    if (connect(fd, &destination.any, length) != 0 && errno != EINPROGRESS)
        return errno;
    attempt->source.fd = fd;
    if (loop_add(&attempt->source, EPOLLOUT) != 0) {
        attempt->source.fd = -1;
        return errno;
    }
    (void)take_fd(&fd);
    return 0;
}

/* Frees the attempt when no candidate is left. */
static void try_next(struct attempt *attempt)
{
    while (attempt->next < attempt->count) {
        int error = start_candidate(attempt, &attempt->candidates[attempt->next++]);
        if (error == 0)
            return;
        note_failure(attempt, reason_of(error));
    }
    streams_reset(attempt->stream, attempt->reason);
}

static void on_socket_ready(struct loop_source *source, uint32_t events)
{
    struct attempt *attempt = LOOP_OWNER(source, struct attempt, source);
    int error = 0;
    socklen_t length = sizeof error;
    (void)events;
    if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error == 0 && is_to_itself(source->fd))
        error = ECONNREFUSED;
    if (error == 0) {
        hand_over(attempt);
        return;
    }
    loop_remove(source);
    close_quietly(take_fd(&source->fd));
    note_failure(attempt, reason_of(error));
    try_next(attempt);
}

static void on_limit(struct loop_timer *timer)
{
    const struct attempt *attempt = LOOP_OWNER(timer, struct attempt, limit);
    streams_reset(attempt->stream, GONDOLIN_RESET_TIMED_OUT);
}

static void add_candidate(struct attempt *attempt, const struct net_address *address)
{
    if (attempt->count < MAX_CANDIDATES)
        attempt->candidates[attempt->count++] = *address;
}

/* A server listens on loopback or on all addresses, as a rule; the others are tried afterwards. */
static void add_own(struct attempt *attempt)
{
    struct net_address own[MAX_CANDIDATES];
    const struct net_address v4 = net_address_v4(LOOPBACK_V4);
    const struct net_address v6 = net_address_v6(LOOPBACK_V6);
    attempt->is_any = true;
    add_candidate(attempt, &v4);
    add_candidate(attempt, &v6);
    size_t count = net_interfaces_list(own, ARRAY_LENGTH(own));
    for (size_t i = 0; i < count; i++) {
        if (!is_loopback(&own[i]))
            add_candidate(attempt, &own[i]);
    }
}

static void on_connect(struct mux_stream *stream, const uint8_t *destination)
{
    struct net_address address;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL) {
        streams_reset(stream, GONDOLIN_RESET_CANCELLED);
        return;
    }
    attempt->source = (struct loop_source){.fd = -1, .on_ready = on_socket_ready};
    attempt->limit.on_due = on_limit;
    attempt->stream = stream;
    attempt->reason = GONDOLIN_RESET_HOST_UNREACHABLE;
    streams_attach(stream, &handlers, attempt);
    switch (net_destination_decode(destination, &address, &attempt->port)) {
    case NET_DESTINATION_ANY:
        add_own(attempt);
        break;
    case NET_DESTINATION_ADDRESS:
        add_candidate(attempt, &address);
        break;
    case NET_DESTINATION_BAD:
        break;
    }
    loop_timer_set(&attempt->limit, LIMIT_MS);
    try_next(attempt);
}

void net_connect_init(void)
{
    streams_on_connect(on_connect);
}
