/* Small building blocks: cleanup attributes, EINTR retry, unaligned little-endian access. */
#ifndef GONDOLIN_UTIL_H
#define GONDOLIN_UTIL_H

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Repeats a system call while a signal interrupts it. */
#define RETRY_EINTR(expression)                                                                                        \
    (__extension__({                                                                                                   \
        long retry_result;                                                                                             \
        do                                                                                                             \
            retry_result = (long)(expression);                                                                         \
        while (retry_result == -1 && errno == EINTR);                                                                  \
        retry_result;                                                                                                  \
    }))

/* close() that keeps errno and ignores a negative fd. */
static inline void close_quietly(int fd)
{
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
}

static inline void cleanup_close(int *fd)
{
    close_quietly(*fd);
}

static inline void cleanup_free(void *pointer)
{
    void *memory;
    memcpy(&memory, pointer, sizeof memory);
    free(memory);
}

static inline void cleanup_closedir(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

#define AUTO_CLOSE __attribute__((cleanup(cleanup_close)))
#define AUTO_FREE __attribute__((cleanup(cleanup_free)))
#define AUTO_CLOSEDIR __attribute__((cleanup(cleanup_closedir)))

/* Hands an fd over to the caller, so that its cleanup does nothing. */
static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline uint16_t load_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline uint64_t load_u64(const uint8_t *bytes)
{
    return (uint64_t)load_u32(bytes) | (uint64_t)load_u32(bytes + 4) << 32;
}

static inline void store_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void store_u32(uint8_t *bytes, uint32_t value)
{
    store_u16(bytes, (uint16_t)value);
    store_u16(bytes + 2, (uint16_t)(value >> 16));
}

#endif
