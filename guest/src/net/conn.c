#include "net/conn.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "channel/port.h"
#include "channel/port_waiters.h"
#include "channel/streams.h"
#include "net/packet/destination.h"
#include "runtime/loop.h"
#include "runtime/priority.h"
#include "runtime/util.h"

struct connection {
    /* Edge-triggered: the flags below keep what epoll reports until a call contradicts it. */
    struct loop_source source;
    struct port_waiter port_waiter;
    struct mux_stream *stream;
    const struct net_conn_events *events;
    /* Set until the connection is attached: it has no socket yet, and bytes from the host wait in the stream. */
    void *owner;
    bool is_readable;
    bool is_writable;
    /* The guest has closed its direction: an end of file or an error follows the unread bytes. */
    bool is_hung_up;
    /* The host's EOF was passed on to the socket. */
    bool is_shut;
};

static bool is_attached(const struct connection *connection)
{
    return connection->source.fd >= 0;
}

static void close_connection(struct connection *connection)
{
    void (*on_closed)(void) = connection->events->on_closed;
    port_waiters_remove(&connection->port_waiter);
    loop_remove(&connection->source);
    close_quietly(connection->source.fd);
    free(connection);
    on_closed();
}

/* The stream has ended: the guest sees a reset, not an orderly end. */
static void on_end(void *owner)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct connection *connection = owner;
    if (!is_attached(connection)) {
        connection->events->on_refused(connection->owner, connection->stream->reset_reason);
        free(connection);
        return;
    }
    (void)setsockopt(connection->source.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_connection(connection);
}

/* Frees the connection. */
static void fail(const struct connection *connection)
{
    streams_reset(connection->stream, GONDOLIN_RESET_CANCELLED);
}

static void finish_if_done(struct connection *connection)
{
    struct mux_stream *stream = connection->stream;
    if (!stream->is_guest_done || !connection->is_shut)
        return;
    close_connection(connection);
    streams_release(stream);
}

/* Queues for a packet if there is something to send and the host has granted credit. */
static void wait_for_packet(struct connection *connection)
{
    const struct mux_stream *stream = connection->stream;
    if (connection->is_readable && !stream->is_guest_done && stream->send_window > 0)
        port_waiters_add(&connection->port_waiter);
}

static void send_some(struct connection *connection)
{
    struct mux_stream *stream = connection->stream;
    size_t limit = OUTBOX_DATA_BYTES < stream->send_window ? OUTBOX_DATA_BYTES : stream->send_window;
    struct outbox_packet *packet = outbox_take_packet(port_outbox());
    if (packet == NULL) {
        wait_for_packet(connection);
        return;
    }
    long count = RETRY_EINTR(recv(connection->source.fd, packet->bytes + GONDOLIN_FRAME_HEADER_BYTES, limit, 0));
    if (count > 0) {
        outbox_push_data(port_outbox(), packet, stream->id, (size_t)count);
        priority_note_packet(stream->id);
        stream->send_window -= (uint32_t)count;
        /* A short read has emptied the socket: later bytes make a new edge, but an end of file was already reported. */
        if ((size_t)count < limit && !connection->is_hung_up)
            connection->is_readable = false;
        wait_for_packet(connection);
        return;
    }
    outbox_return_packet(port_outbox(), packet);
    connection->is_readable = false;
    if (count == 0) {
        streams_send_eof(stream);
        finish_if_done(connection);
    } else if (errno != EAGAIN) {
        fail(connection);
    }
}

static void on_packet_free(struct port_waiter *waiter)
{
    send_some(LOOP_OWNER(waiter, struct connection, port_waiter));
}

/* Returns how many bytes the guest took, or -1 if the connection has failed and is gone. */
static long write_some(struct connection *connection, const uint8_t *bytes, size_t count)
{
    size_t done = 0;
    while (done < count && connection->is_writable) {
        long written = RETRY_EINTR(send(connection->source.fd, bytes + done, count - done, MSG_NOSIGNAL));
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno == EAGAIN) {
            connection->is_writable = false;
        } else {
            fail(connection);
            return -1;
        }
    }
    return (long)done;
}

/* The host's end of file follows its last byte. */
static void pass_end_on(struct connection *connection)
{
    const struct mux_stream *stream = connection->stream;
    if (!is_attached(connection) || !stream->is_host_done || stream->input_length > 0 || connection->is_shut)
        return;
    /* It fails only if the guest has reset the connection, which epoll reports. */
    (void)shutdown(connection->source.fd, SHUT_WR);
    connection->is_shut = true;
    finish_if_done(connection);
}

static void feed(struct connection *connection)
{
    struct mux_stream *stream = connection->stream;
    if (stream->input_length > 0) {
        long count = write_some(connection, stream->input + stream->input_start, stream->input_length);
        if (count < 0)
            return;
        streams_consumed(stream, (size_t)count);
    }
    pass_end_on(connection);
}

static void on_data(void *owner, const uint8_t *bytes, size_t count)
{
    struct connection *connection = owner;
    struct mux_stream *stream = connection->stream;
    long passed = stream->input_length > 0 ? 0 : write_some(connection, bytes, count);
    if (passed < 0)
        return;
    if ((size_t)passed < count && !mux_keep(stream, bytes + passed, count - (size_t)passed)) {
        fail(connection);
        return;
    }
    if (passed > 0)
        streams_passed(stream, (size_t)passed);
}

static void on_eof(void *owner)
{
    pass_end_on(owner);
}

static void on_credit(void *owner)
{
    wait_for_packet(owner);
}

static void on_socket_ready(struct loop_source *source, uint32_t events)
{
    struct connection *connection = LOOP_OWNER(source, struct connection, source);
    if ((events & EPOLLERR) != 0) {
        fail(connection);
        return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0)
        connection->is_hung_up = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) {
        connection->is_readable = true;
        wait_for_packet(connection);
    }
    if ((events & EPOLLOUT) != 0) {
        connection->is_writable = true;
        feed(connection);
    }
}

static void on_accept(void *owner)
{
    struct connection *connection = owner;
    if (!is_attached(connection))
        connection->events->on_accepted(connection->owner);
}

static const struct stream_handlers handlers = {
    .on_accept = on_accept,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_credit = on_credit,
    .on_end = on_end,
};

static struct connection *create(const struct net_conn_events *events, void *owner)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->source = (struct loop_source){.fd = -1, .on_ready = on_socket_ready};
    connection->port_waiter.on_packet_free = on_packet_free;
    connection->events = events;
    connection->owner = owner;
    return connection;
}

struct connection *net_conn_open(const struct net_tuple *tuple, bool is_v4, const struct net_conn_events *events,
                                 void *owner)
{
    uint8_t destination[GONDOLIN_TCP_DESTINATION_BYTES];
    if (!net_destination_encode(tuple, is_v4, destination))
        return NULL;
    struct connection *connection = create(events, owner);
    if (connection == NULL)
        return NULL;
    connection->stream = streams_open(GONDOLIN_STREAM_KIND_TCP, destination, sizeof destination, &handlers, connection);
    if (connection->stream != NULL)
        return connection;
    free(connection);
    return NULL;
}

void net_conn_attach(struct connection *connection, int fd)
{
    connection->source.fd = fd;
    connection->owner = NULL;
    connection->is_writable = true;
    if (loop_add(&connection->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) != 0)
        fail(connection);
    else
        feed(connection);
}

static void on_carried_closed(void)
{
}

void net_conn_carry(struct mux_stream *stream, int fd)
{
    static const struct net_conn_events events = {.on_closed = on_carried_closed};
    struct connection *connection = create(&events, NULL);
    if (connection == NULL) {
        close_quietly(fd);
        streams_reset(stream, GONDOLIN_RESET_CANCELLED);
        return;
    }
    connection->stream = stream;
    streams_attach(stream, &handlers, connection);
    streams_accept(stream);
    net_conn_attach(connection, fd);
}

void net_conn_give_up(struct connection *connection)
{
    fail(connection);
}
