#ifndef GONDOLIN_TEST_AGENT_PORT_H
#define GONDOLIN_TEST_AGENT_PORT_H

/* Lets a hostile root of the guest take over a virtio port, and the place, of the agent. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Returns true if /dev/`device` is the virtio port of that name. */
static inline int is_port(const char *device, const char *name)
{
    char path[256];
    char found[64] = "";
    (void)snprintf(path, sizeof path, "/sys/class/virtio-ports/%.64s/name", device);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? 0 : read(fd, found, sizeof found - 1);
    if (fd >= 0)
        (void)close(fd);
    found[count < 0 ? 0 : count] = '\0';
    found[strcspn(found, "\n")] = '\0';
    return strcmp(found, name) == 0;
}

/* Returns the number of PID 1's descriptor of that port, or -1. */
static inline int find_descriptor(const char *name)
{
    DIR *descriptors = opendir("/proc/1/fd");
    struct dirent *entry;
    while (descriptors != NULL && (entry = readdir(descriptors)) != NULL) {
        char path[300];
        char target[256];
        (void)snprintf(path, sizeof path, "/proc/1/fd/%.200s", entry->d_name);
        long length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (strncmp(target, "/dev/vport", 10) == 0 && is_port(target + 5, name))
            return atoi(entry->d_name);
    }
    return -1;
}

static inline int steal_port(const char *name)
{
    int number = find_descriptor(name);
    int agent = (int)syscall(SYS_pidfd_open, 1, 0);
    int fd = agent < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, agent, number, 0);
    if (fd < 0)
        die(name);
    return fd;
}

static inline void send_all(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long written = write(fd, bytes, count);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
            die("write");
        } else {
            (void)usleep(1000);
        }
    }
}

static inline void put_u32(uint8_t *bytes, uint32_t value)
{
    for (int index = 0; index < 4; index++)
        bytes[index] = (uint8_t)(value >> (8 * index));
}

static inline void stop_thread(int thread)
{
    int status;
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0)
        die("ptrace");
    if (waitpid(thread, &status, __WALL) != thread)
        die("waitpid");
}

/* Stops the agent: from then on only this program reads the agent's ports or writes to them. */
static inline void stop_agent(void)
{
    DIR *threads = opendir("/proc/1/task");
    struct dirent *entry;
    while (threads != NULL && (entry = readdir(threads)) != NULL)
        if (atoi(entry->d_name) > 0)
            stop_thread(atoi(entry->d_name));
}

#endif
