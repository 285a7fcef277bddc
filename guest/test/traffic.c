/*
 * Uses the network as a guest program does, for the VM tests: `traffic WORD ADDRESS PORT [NUMBER]`. Prints one line
 * with the outcome: the name of the errno and the call that failed, or what was received.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES 65536
#define ANSWER_MS 20000

static struct sockaddr_storage destination;
static socklen_t destination_length;
static uint8_t block[BLOCK_BYTES];

static void parse(const char *address, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&destination;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&destination;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        destination_length = sizeof *v4;
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        destination_length = sizeof *v6;
    } else {
        (void)printf("no address: %s\n", address);
        exit(2);
    }
}

static const char *errno_name(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "ECONNREFUSED";
    case ECONNRESET:
        return "ECONNRESET";
    case EHOSTUNREACH:
        return "EHOSTUNREACH";
    case ENETUNREACH:
        return "ENETUNREACH";
    case ETIMEDOUT:
        return "ETIMEDOUT";
    case EPIPE:
        return "EPIPE";
    case EADDRINUSE:
        return "EADDRINUSE";
    default:
        return strerror(error);
    }
}

static void fail(const char *call)
{
    (void)printf("%s: %s\n", call, errno_name(errno));
    exit(1);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int dial(int type)
{
    int fd = socket(destination.ss_family, type, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&destination, destination_length) != 0)
        fail("connect");
    return fd;
}

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void send_all(int fd, const void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t written = send(fd, (const uint8_t *)bytes + done, count - done, MSG_NOSIGNAL);
        if (written < 0)
            fail("send");
        done += (size_t)written;
    }
}

/* Prints what it receives until the end of file. */
static void print_rest(int fd)
{
    for (;;) {
        ssize_t count = recv(fd, block, sizeof block, 0);
        if (count < 0)
            fail("recv");
        if (count == 0)
            return;
        (void)fwrite(block, 1, (size_t)count, stdout);
    }
}

static void do_get(void)
{
    print_rest(dial(SOCK_STREAM));
}

/* Sends `count` bytes, ends its direction and prints the response. */
static void do_up(uint64_t count)
{
    int fd = dial(SOCK_STREAM);
    double start = now_s();
    for (uint64_t at = 0; at < count; at += sizeof block)
        send_all(fd, block, count - at < sizeof block ? (size_t)(count - at) : sizeof block);
    (void)shutdown(fd, SHUT_WR);
    print_rest(fd);
    (void)fprintf(stderr, "%.1f MB/s\n", (double)count / 1e6 / (now_s() - start));
}

/* Asks for `count` bytes with one line and counts what it receives. */
static void do_down(uint64_t count)
{
    int fd = dial(SOCK_STREAM);
    char line[32];
    double start = now_s();
    uint64_t got = 0;
    ssize_t part;
    send_all(fd, line, (size_t)snprintf(line, sizeof line, "%llu\n", (unsigned long long)count));
    while ((part = recv(fd, block, sizeof block, 0)) > 0)
        got += (uint64_t)part;
    if (part < 0)
        fail("recv");
    (void)printf("%llu\n", (unsigned long long)got);
    (void)fprintf(stderr, "%.1f MB/s\n", (double)got / 1e6 / (now_s() - start));
}

/* Sends a pattern to an echo server and compares what it receives, both at once. */
static void do_both(uint64_t count)
{
    int fd = dial(SOCK_STREAM);
    uint64_t sent = 0;
    uint64_t got = 0;
    while (got < count) {
        struct pollfd wait = {.fd = fd, .events = sent < count ? POLLIN | POLLOUT : POLLIN};
        if (poll(&wait, 1, ANSWER_MS) != 1)
            fail("poll");
        if ((wait.revents & POLLOUT) != 0) {
            size_t part = count - sent < sizeof block ? (size_t)(count - sent) : sizeof block;
            for (size_t i = 0; i < part; i++)
                block[i] = pattern(sent + i);
            ssize_t written = send(fd, block, part, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += written > 0 ? (uint64_t)written : 0;
        }
        if ((wait.revents & (POLLIN | POLLERR | POLLHUP)) == 0)
            continue;
        ssize_t part = recv(fd, block, sizeof block, MSG_DONTWAIT);
        if (part <= 0)
            fail("recv");
        for (ssize_t i = 0; i < part; i++) {
            if (block[i] != pattern(got + (uint64_t)i)) {
                (void)printf("wrong byte at %llu\n", (unsigned long long)got + (uint64_t)i);
                exit(1);
            }
        }
        got += (uint64_t)part;
    }
    (void)printf("%llu intact\n", (unsigned long long)got);
}

/* Opens `count` connections to an echo server before the first one sends anything. */
static void do_many(uint64_t count)
{
    const struct rlimit files = {.rlim_cur = 4096, .rlim_max = 4096};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    int *fds = calloc(count, sizeof *fds);
    unsigned good = 0;
    for (uint64_t i = 0; i < count; i++)
        fds[i] = dial(SOCK_STREAM);
    for (uint64_t i = 0; i < count; i++)
        send_all(fds[i], &i, sizeof i);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t answer = 0;
        if (recv(fds[i], &answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer && answer == i)
            good++;
        (void)close(fds[i]);
    }
    (void)printf("%u of %llu\n", good, (unsigned long long)count);
}

/* Makes one connection after the other, each to its end. */
static void do_connects(uint64_t count)
{
    double start = now_s();
    for (uint64_t i = 0; i < count; i++) {
        int fd = dial(SOCK_STREAM);
        while (recv(fd, block, sizeof block, 0) > 0)
            continue;
        (void)close(fd);
    }
    (void)printf("%.0f us\n", (now_s() - start) * 1e6 / (double)count);
}

/* Sends small messages to an echo server and reads them back. */
static void do_echo(uint64_t count)
{
    int fd = dial(SOCK_STREAM);
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    double start = now_s();
    for (uint64_t i = 0; i < count; i++) {
        send_all(fd, block, 100);
        if (recv(fd, block, 100, MSG_WAITALL) != 100)
            fail("recv");
    }
    (void)printf("%.0f us\n", (now_s() - start) * 1e6 / (double)count);
}

/* Ends the connection with a reset while the host's bytes are unread. */
static void do_reset(void)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = dial(SOCK_STREAM);
    send_all(fd, "reset", 5);
    if (recv(fd, block, 1, 0) != 1)
        fail("recv");
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
    (void)printf("reset\n");
}

/* Runs a server of the guest on all addresses, for one connection. */
static void do_serve(void)
{
    const int on = 1;
    int listener = socket(destination.ss_family, SOCK_STREAM, 0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&destination, destination_length) != 0)
        fail("bind");
    if (listen(listener, 5) != 0)
        fail("listen");
    (void)printf("ready\n");
    (void)fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        send_all(fd, "of the guest\n", 13);
        (void)close(fd);
    }
}

/* Sends one datagram and prints the outcome. */
static void do_udp(void)
{
    /* Resembles a DNS query for `udp.test`, so that it is one on port 53. */
    static const uint8_t query[] = {0,   7,   1,   0, 0,   1,   0,   0,   0, 0, 0, 0, 3,
                                    'u', 'd', 'p', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
    int fd = dial(SOCK_DGRAM);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (send(fd, query, sizeof query, 0) < 0)
        fail("send");
    double start = now_s();
    if (poll(&wait, 1, ANSWER_MS) != 1) {
        (void)printf("silence\n");
        exit(1);
    }
    ssize_t count = recv(fd, block, sizeof block, 0);
    (void)fprintf(stderr, "%.1f ms\n", (now_s() - start) * 1e3);
    if (count < 0)
        fail("recv");
    (void)printf("answer of %d bytes\n", (int)count);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    parse(argv[2], atoi(argv[3]));
    const char *word = argv[1];
    uint64_t number = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    (void)signal(SIGPIPE, SIG_IGN);
    if (strcmp(word, "get") == 0)
        do_get();
    else if (strcmp(word, "up") == 0)
        do_up(number);
    else if (strcmp(word, "down") == 0)
        do_down(number);
    else if (strcmp(word, "both") == 0)
        do_both(number);
    else if (strcmp(word, "many") == 0)
        do_many(number);
    else if (strcmp(word, "connects") == 0)
        do_connects(number);
    else if (strcmp(word, "echo") == 0)
        do_echo(number);
    else if (strcmp(word, "reset") == 0)
        do_reset();
    else if (strcmp(word, "serve") == 0)
        do_serve();
    else if (strcmp(word, "udp") == 0)
        do_udp();
    else
        return 2;
    return 0;
}
