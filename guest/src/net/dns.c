#include "net/dns.h"

#include "channel/streams.h"
#include "net/packet/record.h"
#include "net/udp.h"
#include "runtime/loop.h"
#include "runtime/util.h"

/* Datagrams read from one socket in one turn. */
#define MAX_DATAGRAMS 32

static struct {
    struct mux_stream *stream;
    struct net_record_reader reader;
    struct net_queries queries;
} dns;

/*
 * No response will come: refuses every query, so that clients retry or give up now instead of waiting for their
 * timeout.
 */
static void refuse_all(void)
{
    for (size_t i = 0; i < NET_QUERIES; i++) {
        struct net_query *query = &dns.queries.slots[i];
        size_t length = query->is_waiting ? net_query_refuse(query) : 0;
        query->is_waiting = false;
        if (length > 0)
            net_udp_respond(query, query->question, length);
    }
}

static void on_end(void *owner)
{
    (void)owner;
    dns.stream = NULL;
    dns.reader.length = 0;
    refuse_all();
}

static void on_data(void *owner, const uint8_t *bytes, size_t count)
{
    (void)owner;
    streams_passed(dns.stream, count);
    struct net_record record;
    enum net_record_result result;
    while ((result = net_record_read(&dns.reader, &bytes, &count, &record)) == NET_RECORD_WHOLE) {
        const struct net_query *query = net_query_take(&dns.queries, record.tag);
        if (query != NULL)
            net_udp_respond(query, record.message, record.length);
    }
    if (result == NET_RECORD_BAD)
        streams_reset(dns.stream, GONDOLIN_RESET_CANCELLED);
}

/* A host that has ended the stream sends no more responses. */
static void on_eof(void *owner)
{
    (void)owner;
    streams_reset(dns.stream, GONDOLIN_RESET_CANCELLED);
}

static void on_credit(void *owner)
{
    (void)owner;
}

static const struct stream_handlers handlers = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_credit = on_credit,
    .on_end = on_end,
};

/* A query that does not fit the stream's credit is lost, as datagrams are: the client asks again. */
static void ask(const struct net_query *from, const uint8_t *message, size_t length)
{
    static uint8_t record[NET_RECORD_MAX_BYTES];
    if (dns.stream == NULL)
        dns.stream = streams_open(GONDOLIN_STREAM_KIND_DNS, NULL, 0, &handlers, NULL);
    if (dns.stream == NULL || dns.stream->send_window < GONDOLIN_DNS_HEADER_BYTES + length)
        return;
    struct net_query *query = net_query_add(&dns.queries, message, length);
    query->client = from->client;
    query->client_port = from->client_port;
    query->client_scope = from->client_scope;
    query->server = from->server;
    streams_send(dns.stream, record, net_record_write(record, query->tag, message, length));
}

static void on_datagrams(struct loop_source *source, uint32_t events)
{
    static uint8_t message[GONDOLIN_DNS_MAX_MESSAGE_BYTES];
    (void)events;
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
        struct net_query from = {0};
        long length = net_udp_receive(source, message, sizeof message, &from);
        if (length < 0)
            return;
        if (length >= GONDOLIN_DNS_MIN_MESSAGE_BYTES)
            ask(&from, message, (size_t)length);
    }
}

bool net_dns_start(struct failure *failure)
{
    return net_udp_start(on_datagrams, failure);
}
