#include "net/packet/record.h"

#include "runtime/util.h"

#define DNS_FLAGS_AT 2
#define DNS_IS_RESPONSE 0x80
#define DNS_SERVER_FAILURE 2

static void fill(struct net_record_reader *reader, size_t wanted, const uint8_t **bytes, size_t *count)
{
    if (wanted <= reader->length)
        return;
    size_t taken = wanted - reader->length < *count ? wanted - reader->length : *count;
    memcpy(reader->bytes + reader->length, *bytes, taken);
    reader->length += taken;
    *bytes += taken;
    *count -= taken;
}

enum net_record_result net_record_read(struct net_record_reader *reader, const uint8_t **bytes, size_t *count,
                                       struct net_record *record)
{
    fill(reader, GONDOLIN_DNS_HEADER_BYTES, bytes, count);
    if (reader->length < GONDOLIN_DNS_HEADER_BYTES)
        return NET_RECORD_INCOMPLETE;
    size_t length = load_u16(reader->bytes);
    if (length < GONDOLIN_DNS_MIN_MESSAGE_BYTES || length > GONDOLIN_DNS_MAX_MESSAGE_BYTES)
        return NET_RECORD_BAD;
    fill(reader, GONDOLIN_DNS_HEADER_BYTES + length, bytes, count);
    if (reader->length < GONDOLIN_DNS_HEADER_BYTES + length)
        return NET_RECORD_INCOMPLETE;
    record->tag = load_u32(reader->bytes + 2);
    record->message = reader->bytes + GONDOLIN_DNS_HEADER_BYTES;
    record->length = length;
    reader->length = 0;
    return NET_RECORD_WHOLE;
}

size_t net_record_write(uint8_t *bytes, uint32_t tag, const uint8_t *message, size_t length)
{
    if (length < GONDOLIN_DNS_MIN_MESSAGE_BYTES || length > GONDOLIN_DNS_MAX_MESSAGE_BYTES)
        return 0;
    store_u16(bytes, (uint16_t)length);
    store_u32(bytes + 2, tag);
    memcpy(bytes + GONDOLIN_DNS_HEADER_BYTES, message, length);
    return GONDOLIN_DNS_HEADER_BYTES + length;
}

struct net_query *net_query_add(struct net_queries *queries, const uint8_t *message, size_t length)
{
    uint32_t tag = ++queries->last_tag;
    struct net_query *query = &queries->slots[tag % NET_QUERIES];
    memset(query, 0, sizeof *query);
    query->tag = tag;
    query->is_waiting = true;
    if (length >= GONDOLIN_DNS_MIN_MESSAGE_BYTES && length <= sizeof query->question) {
        memcpy(query->question, message, length);
        query->question_length = (uint16_t)length;
    }
    return query;
}

struct net_query *net_query_take(struct net_queries *queries, uint32_t tag)
{
    struct net_query *query = &queries->slots[tag % NET_QUERIES];
    if (!query->is_waiting || query->tag != tag)
        return NULL;
    query->is_waiting = false;
    return query;
}

size_t net_query_refuse(struct net_query *query)
{
    if (query->question_length == 0 || (query->question[DNS_FLAGS_AT] & DNS_IS_RESPONSE) != 0)
        return 0;
    query->question[DNS_FLAGS_AT] |= DNS_IS_RESPONSE;
    query->question[DNS_FLAGS_AT + 1] = DNS_SERVER_FAILURE;
    return query->question_length;
}
