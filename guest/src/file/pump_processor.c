#include "file/pump_processor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/small_file.h"
#include "runtime/util.h"

/* Looking where a request comes from takes three system calls, so it is done for one in this many. */
#define REQUESTS_PER_LOOK 16
/* Passing the data of a large read takes longer than several looks. */
#define LARGE_REQUESTS_PER_LOOK 2
/* A process that was found elsewhere is looked at again after this many, before the pump moves. */
#define REQUESTS_TO_CONFIRM 4
/* Field of /proc/PID/stat, counted from the one after the name, which is in parentheses and may contain anything. */
#define PROCESSOR_FIELD 36
#define MAX_MEMBERS 2

static atomic_int members[MAX_MEMBERS];
static atomic_uint member_count;

static bool is_following;
static char affinity_path[64];
static unsigned requests_until_look;
static long current = -1;
/* Where the last look found a process, if that is not `current`: the pump moves when the next one finds it there too. */
static long candidate = -1;

/* The first interrupt of a virtio device announces changes of its configuration, the last one data. */
static long last_interrupt(const char *directory)
{
    long last = -1;
    AUTO_CLOSEDIR DIR *interrupts = opendir(directory);
    const struct dirent *entry;
    while (interrupts != NULL && (entry = readdir(interrupts)) != NULL) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && number > last)
            last = number;
    }
    return last;
}

static bool is_each_a_package(void)
{
    char list[64];
    return small_file_read(AT_FDCWD, "/sys/devices/system/cpu/online", list, sizeof list) > 0 &&
           strcmp(list, "0\n") != 0 &&
           small_file_read(AT_FDCWD, "/sys/devices/system/cpu/cpu0/topology/package_cpus_list", list, sizeof list) >
               0 &&
           strcmp(list, "0\n") == 0;
}

void pump_processor_start(int port_fd)
{
    struct stat status;
    char path[96];
    if (!is_each_a_package() || fstat(port_fd, &status) != 0)
        return;
    /* The device of a port is the virtio device; the PCI device that has the interrupts is above it. */
    (void)snprintf(path, sizeof path, "/sys/dev/char/%u:%u/device/../msi_irqs", major(status.st_rdev),
                   minor(status.st_rdev));
    long interrupt = last_interrupt(path);
    (void)snprintf(affinity_path, sizeof affinity_path, "/proc/irq/%ld/smp_affinity_list", interrupt);
    is_following = interrupt >= 0;
}

void pump_processor_join(void)
{
    unsigned index = atomic_fetch_add(&member_count, 1);
    if (index < MAX_MEMBERS)
        atomic_store(&members[index], gettid());
}

long pump_processor_parse(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (int field = 0; at != NULL && field <= PROCESSOR_FIELD; field++) {
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
    }
    if (at == NULL)
        return -1;
    char *end;
    long processor = strtol(at, &end, 10);
    return end == at || processor < 0 || processor >= CPU_SETSIZE ? -1 : processor;
}

static long processor_of(uint32_t pid)
{
    char path[32];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    return small_file_read(AT_FDCWD, path, text, sizeof text) < 0 ? -1 : pump_processor_parse(text);
}

/* Where the kernel refuses, requests are only slower. */
static void move(long processor)
{
    cpu_set_t set;
    char list[16];
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    for (unsigned i = 0; i < MAX_MEMBERS; i++)
        (void)sched_setaffinity(atomic_load(&members[i]), sizeof set, &set);
    AUTO_CLOSE int fd = open(affinity_path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(list, sizeof list, "%ld", processor);
    (void)RETRY_EINTR(write(fd, list, (size_t)length));
    current = processor;
}

void pump_processor_note(uint32_t pid, bool is_large)
{
    if (is_large && requests_until_look > LARGE_REQUESTS_PER_LOOK)
        requests_until_look = LARGE_REQUESTS_PER_LOOK;
    if (!is_following || pid == 0 || requests_until_look-- > 0)
        return;
    long processor = processor_of(pid);
    if (processor >= 0 && processor == candidate)
        move(processor);
    candidate = processor == current ? -1 : processor;
    requests_until_look = candidate < 0 ? REQUESTS_PER_LOOK : is_large ? 0 : REQUESTS_TO_CONFIRM;
}
