#include "system/block_device.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "runtime/small_file.h"
#include "runtime/util.h"

#define DEVICE_WAIT_MS 5000
#define DEVICE_POLL_MS 5

static bool has_serial(const char *device, const char *serial)
{
    char path[64];
    char text[BLOCK_DEVICE_SERIAL_BYTES + 1];
    (void)snprintf(path, sizeof path, "/sys/block/%s/serial", device);
    return small_file_read(AT_FDCWD, path, text, sizeof text) > 0 && strcmp(text, serial) == 0;
}

bool block_device_find_once(const char *serial, char *path, size_t size)
{
    for (char letter = 'a'; letter <= 'z'; letter++) {
        char device[] = {'v', 'd', letter, '\0'};
        if (has_serial(device, serial)) {
            (void)snprintf(path, size, "/dev/%s", device);
            return true;
        }
    }
    return false;
}

bool block_device_find(const char *serial, char *path, size_t size, struct failure *failure)
{
    const struct timespec pause = {.tv_nsec = DEVICE_POLL_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < DEVICE_WAIT_MS; waited_ms += DEVICE_POLL_MS) {
        if (block_device_find_once(serial, path, size))
            return true;
        (void)nanosleep(&pause, NULL);
    }
    errno = ENODEV;
    return failed(failure, "find the disk %s", serial);
}
