/*
 * Attacks the ports as a hostile root of the guest does: takes the agent's own descriptor of a virtio port and writes
 * its own bytes to it. Run inside a guest by test/vm/hostile.test.ts: `hostile control|fs KIND`; by
 * test/vm/network-attacks.test.ts: `hostile open ADDRESS PORT [ADDRESS PORT]...`, which opens streams to destinations
 * to which no program ever connected; by test/fixtures/flooded-host.ts: `hostile flood COUNT deaf|reading`, which stops
 * the agent and opens that many streams.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_port.h"
#include "protocol.h"

static void send_frame(int fd, uint32_t length, uint8_t type, uint32_t stream, uint32_t payload)
{
    uint8_t frame[GONDOLIN_FRAME_HEADER_BYTES + 4] = {0};
    put_u32(frame, length);
    frame[4] = type;
    put_u32(frame + 8, stream);
    put_u32(frame + GONDOLIN_FRAME_HEADER_BYTES, payload);
    send_all(fd, frame, GONDOLIN_FRAME_HEADER_BYTES + (length < 4 ? length : 4));
}

static void send_random(int fd)
{
    static uint8_t bytes[65536];
    int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (source < 0 || read(source, bytes, sizeof bytes) != (long)sizeof bytes)
        die("/dev/urandom");
    send_all(fd, bytes, sizeof bytes);
}

static void attack_control(int fd, const char *kind)
{
    if (strcmp(kind, "oversize") == 0)
        send_frame(fd, GONDOLIN_MAX_GUEST_PAYLOAD_BYTES + 1, GONDOLIN_FRAME_DATA, 2, 0);
    else if (strcmp(kind, "badtype") == 0)
        send_frame(fd, 4, 99, 2, 0);
    else if (strcmp(kind, "badstream") == 0)
        send_frame(fd, 4, GONDOLIN_FRAME_DATA, 4000000, 0);
    else if (strcmp(kind, "credit") == 0)
        send_frame(fd, 4, GONDOLIN_FRAME_CREDIT, 2, GONDOLIN_INITIAL_WINDOW_BYTES + 1);
    else if (strcmp(kind, "truncated-message") == 0)
        send_frame(fd, 3, GONDOLIN_FRAME_MESSAGE, 0, GONDOLIN_MESSAGE_OK);
    else
        send_random(fd);
}

static void attack_fs(int fd, const char *kind)
{
    uint8_t length[4];
    put_u32(length, GONDOLIN_MAX_FUSE_MESSAGE_BYTES + 1);
    if (strcmp(kind, "oversize") == 0)
        send_all(fd, length, sizeof length);
    else
        send_random(fd);
}

static const char request[] = "GET / HTTP/1.0\r\n\r\n";
/* Far above the ids that the agent itself has used. */
#define FIRST_FORGED_ID 1000001

#define FORGED_BYTES (2 * GONDOLIN_FRAME_HEADER_BYTES + 1 + GONDOLIN_TCP_DESTINATION_BYTES + sizeof request - 1)
#define MAX_FORGED 16

/* Writes a TCP stream to that destination, with a request on it. */
static void forge_stream(uint8_t bytes[FORGED_BYTES], uint32_t stream, const char *address, int port)
{
    uint8_t *body = bytes + GONDOLIN_FRAME_HEADER_BYTES;
    uint8_t *second = body + 1 + GONDOLIN_TCP_DESTINATION_BYTES;
    put_u32(bytes, 1 + GONDOLIN_TCP_DESTINATION_BYTES);
    bytes[4] = GONDOLIN_FRAME_OPEN;
    put_u32(bytes + 8, stream);
    body[0] = GONDOLIN_STREAM_KIND_TCP;
    body[1] = strchr(address, ':') == NULL ? GONDOLIN_TCP_FAMILY_V4 : GONDOLIN_TCP_FAMILY_V6;
    body[2] = (uint8_t)port;
    body[3] = (uint8_t)(port >> 8);
    if (inet_pton(body[1] == GONDOLIN_TCP_FAMILY_V4 ? AF_INET : AF_INET6, address, body + 4) != 1)
        die(address);
    put_u32(second, sizeof request - 1);
    second[4] = GONDOLIN_FRAME_DATA;
    put_u32(second + 8, stream);
    memcpy(second + GONDOLIN_FRAME_HEADER_BYTES, request, sizeof request - 1);
}

/*
 * In one write: the agent's frames cannot come between, and the agent cannot end at the first response, before the last
 * stream.
 */
static void open_streams(int fd, int count, char **destinations)
{
    static uint8_t bytes[MAX_FORGED][FORGED_BYTES];
    int streams = count / 2 < MAX_FORGED ? count / 2 : MAX_FORGED;
    for (int i = 0; i < streams; i++)
        forge_stream(bytes[i], FIRST_FORGED_ID + 2 * (uint32_t)i, destinations[2 * i], atoi(destinations[2 * i + 1]));
    send_all(fd, bytes[0], (size_t)streams * FORGED_BYTES);
}

/* Reads and drops what the host sends, until that many bytes have come or the host is silent for two seconds. */
static void discard_input(int fd, size_t count)
{
    static uint8_t bytes[65536];
    while (count > 0 && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 2000) == 1) {
        long taken = read(fd, bytes, count < sizeof bytes ? count : sizeof bytes);
        count -= taken > 0 ? (size_t)taken : 0;
    }
}

static void put_open(uint8_t *frame, uint32_t stream)
{
    put_u32(frame, 1 + GONDOLIN_TCP_DESTINATION_BYTES);
    frame[4] = GONDOLIN_FRAME_OPEN;
    put_u32(frame + 8, stream);
    frame[GONDOLIN_FRAME_HEADER_BYTES] = GONDOLIN_STREAM_KIND_TCP;
    frame[GONDOLIN_FRAME_HEADER_BYTES + 1] = GONDOLIN_TCP_FAMILY_V4;
    frame[GONDOLIN_FRAME_HEADER_BYTES + 2] = 80;
    frame[GONDOLIN_FRAME_HEADER_BYTES + 4] = 10;
}

/*
 * Opens streams, a batch in each write. In the reading mode it waits for the host's resets of a batch before it sends
 * the next, and so stays within every limit.
 */
static void flood(int fd, long count, int is_reading)
{
    enum { OPEN_BYTES = GONDOLIN_FRAME_HEADER_BYTES + 1 + GONDOLIN_TCP_DESTINATION_BYTES, BATCH = 512 };
    static uint8_t bytes[BATCH * OPEN_BYTES];
    uint32_t stream = FIRST_FORGED_ID;
    for (long sent = 0; sent < count; sent += BATCH) {
        for (int i = 0; i < BATCH; i++, stream += 2)
            put_open(bytes + (size_t)i * OPEN_BYTES, stream);
        send_all(fd, bytes, sizeof bytes);
        if (is_reading)
            discard_input(fd, BATCH * (GONDOLIN_FRAME_HEADER_BYTES + 4));
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "flood") == 0) {
        int port = steal_port("gondolin.control");
        int is_reading = strcmp(argv[3], "reading") == 0;
        stop_agent();
        flood(port, atol(argv[2]), is_reading);
        /* The agent resumes when this ends, which must not be in the middle of a frame of the host's. */
        discard_input(port, (size_t)-1);
        return 0;
    }
    if (argc >= 4 && strcmp(argv[1], "open") == 0) {
        open_streams(steal_port("gondolin.control"), argc - 2, argv + 2);
        return 0;
    }
    if (argc != 3) {
        (void)fprintf(stderr, "usage: hostile control|fs KIND | open ADDRESS PORT... | flood COUNT deaf|reading\n");
        return 2;
    }
    int is_control = strcmp(argv[1], "control") == 0;
    int fd = steal_port(is_control ? "gondolin.control" : "gondolin.fs");
    if (is_control)
        attack_control(fd, argv[2]);
    else
        attack_fs(fd, argv[2]);
    for (;;)
        (void)pause();
}
