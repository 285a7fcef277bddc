#include <arpa/inet.h>
#include <string.h>

#include "net/packet/address.h"
#include "net/packet/destination.h"
#include "net/packet/record.h"
#include "net/packet/unreachable.h"
#include "runtime/util.h"
#include "unit.h"

static void encodes_destinations(void)
{
    static const uint8_t v4[4] = {192, 0, 2, 1};
    static const uint8_t v6[16] = {0xab, [15] = 0xcd};
    uint8_t wire[GONDOLIN_TCP_DESTINATION_BYTES];
    struct net_tuple tuple = {.local = net_address_v4(v4), .local_port = 443};
    memset(wire, 0xee, sizeof wire);
    CHECK(net_destination_encode(&tuple, true, wire));
    CHECK(wire[0] == GONDOLIN_TCP_FAMILY_V4 && load_u16(wire + 1) == 443);
    CHECK(memcmp(wire + 3, v4, sizeof v4) == 0 && wire[7] == 0 && wire[18] == 0);
    tuple = (struct net_tuple){.local = net_address_v6(v6), .local_port = 80};
    CHECK(net_destination_encode(&tuple, false, wire));
    CHECK(wire[0] == GONDOLIN_TCP_FAMILY_V6 && load_u16(wire + 1) == 80 && wire[3] == 0xab && wire[18] == 0xcd);
    tuple.local_port = 0;
    CHECK(!net_destination_encode(&tuple, false, wire));
}

static void tells_families_apart(void)
{
    static const uint8_t own_v4[4] = NET_OWN_V4;
    static const uint8_t own_v6[16] = NET_OWN_V6;
    const struct net_address v4 = net_address_v4(own_v4);
    const struct net_address v6 = net_address_v6(own_v6);
    CHECK(net_address_is_v4(&v4) && memcmp(v4.bytes + 12, own_v4, 4) == 0);
    CHECK(!net_address_is_v4(&v6) && memcmp(v6.bytes, own_v6, 16) == 0);
}

static void reads_records_in_any_pieces(void)
{
    static uint8_t wire[2 * NET_RECORD_MAX_BYTES];
    static uint8_t message[GONDOLIN_DNS_MAX_MESSAGE_BYTES];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7);
    size_t total = net_record_write(wire, 0xfffffffe, message, 12);
    total += net_record_write(wire + total, 5, message, sizeof message);
    CHECK(total == 2 * GONDOLIN_DNS_HEADER_BYTES + 12 + sizeof message);
    for (size_t piece = 1; piece <= total; piece = piece < 40 ? piece + 1 : piece * 2) {
        static struct net_record_reader reader;
        unsigned records = 0;
        memset(&reader, 0, sizeof reader);
        for (size_t at = 0; at < total; at += piece) {
            const uint8_t *bytes = wire + at;
            size_t count = total - at < piece ? total - at : piece;
            struct net_record record;
            while (net_record_read(&reader, &bytes, &count, &record) == NET_RECORD_WHOLE) {
                bool is_first = records++ == 0;
                CHECK(record.tag == (is_first ? 0xfffffffe : 5));
                CHECK(record.length == (is_first ? 12 : sizeof message));
                CHECK(memcmp(record.message, message, record.length) == 0);
            }
            CHECK(count == 0);
        }
        CHECK(records == 2);
    }
}

static void refuses_records_out_of_bounds(void)
{
    static struct net_record_reader reader;
    static uint8_t wire[NET_RECORD_MAX_BYTES];
    static uint8_t message[GONDOLIN_DNS_MAX_MESSAGE_BYTES + 1];
    const uint16_t lengths[] = {0, 11, 4097, 65535};
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct net_record record;
        const uint8_t *bytes = wire;
        size_t count = sizeof wire;
        memset(&reader, 0, sizeof reader);
        store_u16(wire, lengths[i]);
        CHECK(net_record_read(&reader, &bytes, &count, &record) == NET_RECORD_BAD);
    }
    CHECK(net_record_write(wire, 1, message, 11) == 0);
    CHECK(net_record_write(wire, 1, message, sizeof message) == 0);
}

static struct net_queries queries;

static void matches_answers_to_queries_once(void)
{
    static const uint8_t message[12] = {0x12, 0x34, 1, 0, 0, 1};
    uint32_t first = net_query_add(&queries, message, sizeof message)->tag;
    uint32_t second = net_query_add(&queries, message, sizeof message)->tag;
    CHECK(first != second);
    CHECK(net_query_take(&queries, second) != NULL);
    CHECK(net_query_take(&queries, second) == NULL);
    CHECK(net_query_take(&queries, second + NET_QUERIES) == NULL);
    for (int i = 0; i < NET_QUERIES; i++)
        (void)net_query_add(&queries, message, sizeof message);
    /* Forgotten: its slot is used by another. */
    CHECK(net_query_take(&queries, first) == NULL);
    CHECK(net_query_take(&queries, first + NET_QUERIES) != NULL);
}

static void refuses_a_query_with_its_own_question(void)
{
    static uint8_t message[NET_QUESTION_MAX_BYTES + 1] = {0x12, 0x34, 1, 0, 0, 1};
    struct net_query *query = net_query_add(&queries, message, 40);
    CHECK(net_query_refuse(query) == 40);
    CHECK(query->question[0] == 0x12 && query->question[2] == 0x81 && query->question[3] == 2);
    /* A response gets no response. */
    CHECK(net_query_refuse(query) == 0);
    CHECK(net_query_refuse(net_query_add(&queries, message, sizeof message)) == 0);
}

/* An independent sum: a header with its right checksum in it adds up to all ones. */
static bool adds_up(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16 != 0)
        sum = (sum >> 16) + (sum & 0xffff);
    return sum == 0xffff;
}

static void writes_port_unreachable(void)
{
    /* clang-format off */
    static const uint8_t wanted[] = {
        /* 3 destination unreachable, 3 port; unused. */
        3, 3, 0, 0, 0, 0, 0, 0,
        /* The datagram's IP header: 20 + 8 + 1,200 bytes. */
        0x45, 0, 0x04, 0xcc, 0, 0, 0, 0, 64, 17, 0, 0, 172, 17, 0, 2, 203, 0, 113, 9,
        /* Its UDP header. */
        0xc0, 0x01, 0x01, 0xbb, 0x04, 0xb8, 0, 0};
    /* clang-format on */
    uint8_t message[NET_UNREACHABLE_BYTES];
    struct sockaddr_in sender = {.sin_family = AF_INET, .sin_port = htons(0xc001)};
    struct sockaddr_in destination = {.sin_family = AF_INET, .sin_port = htons(443)};
    CHECK(inet_pton(AF_INET, "172.17.0.2", &sender.sin_addr) == 1);
    CHECK(inet_pton(AF_INET, "203.0.113.9", &destination.sin_addr) == 1);
    net_unreachable_write(message, &sender, &destination, 1200);
    CHECK(adds_up(message, sizeof message) && adds_up(message + 8, 20));
    memset(message + 2, 0, 2);
    memset(message + 18, 0, 2);
    CHECK(memcmp(message, wanted, sizeof wanted) == 0);
}

static void decodes_what_the_host_asks_for(void)
{
    uint8_t wire[GONDOLIN_TCP_DESTINATION_BYTES] = {GONDOLIN_TCP_FAMILY_V4, 0x90, 0x1f, 10, 1, 2, 3};
    struct net_address address;
    uint16_t port;
    CHECK(net_destination_decode(wire, &address, &port) == NET_DESTINATION_ADDRESS);
    CHECK(port == 8080 && net_address_is_v4(&address) && memcmp(address.bytes + 12, wire + 3, 4) == 0);
    wire[0] = GONDOLIN_TCP_FAMILY_V6;
    CHECK(net_destination_decode(wire, &address, &port) == NET_DESTINATION_ADDRESS);
    CHECK(!net_address_is_v4(&address) && memcmp(address.bytes, wire + 3, 16) == 0);
    wire[0] = GONDOLIN_TCP_FAMILY_ANY;
    CHECK(net_destination_decode(wire, &address, &port) == NET_DESTINATION_ANY && port == 8080);
    wire[0] = 5;
    CHECK(net_destination_decode(wire, &address, &port) == NET_DESTINATION_BAD);
    memset(wire, 0, 3);
    CHECK(net_destination_decode(wire, &address, &port) == NET_DESTINATION_BAD);
}

void unit_net(void)
{
    decodes_what_the_host_asks_for();
    encodes_destinations();
    tells_families_apart();
    reads_records_in_any_pieces();
    refuses_records_out_of_bounds();
    matches_answers_to_queries_once();
    refuses_a_query_with_its_own_question();
    writes_port_unreachable();
}
