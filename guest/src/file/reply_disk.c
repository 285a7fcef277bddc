#include "file/reply_disk.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "protocol.h"
#include "runtime/failure.h"
#include "runtime/util.h"
#include "system/block_device.h"

/* Direct reads, which leave nothing in the page cache, need memory, offset and length at multiples of this. */
#define ALIGNMENT 4096U
#define HUGE_PAGE_BYTES (2UL * 1024 * 1024)
/* src/machine/qemu-arguments.ts */
#define DISK_SERIAL "replies"
/* Offset of padding in struct fuse_in_header. */
#define TAKEN_AT 38

static int disk_fd = -1;
static uint8_t *data;
static atomic_uint taken;

/* A huge page is one piece of memory for the device; otherwise each of 256 pages is looked up, described and mapped by itself. */
static uint8_t *allocate_huge(void)
{
    AUTO_CLOSE int fd = open("/proc/sys/vm/nr_overcommit_hugepages", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1", 1) != 1)
        return NULL;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE;
    void *memory = mmap(NULL, HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* At the first use, so that a guest without large reads pays nothing. */
static bool prepare(void)
{
    struct failure failure;
    char path[BLOCK_DEVICE_PATH_BYTES];
    void *memory;
    if (data == NULL)
        data = allocate_huge();
    if (data == NULL) {
        errno = posix_memalign(&memory, ALIGNMENT, GONDOLIN_REPLY_SLOT_BYTES);
        if (errno != 0)
            return false;
        data = memory;
    }
    if (disk_fd < 0 && block_device_find(DISK_SERIAL, path, sizeof path, &failure))
        disk_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    return disk_fd >= 0;
}

static bool read_slot(uint32_t slot, size_t length)
{
    off_t start = (off_t)slot * GONDOLIN_REPLY_SLOT_BYTES;
    for (size_t done = 0; done < length;) {
        long got = pread(disk_fd, data + done, length - done, start + (off_t)done);
        if (got == 0)
            errno = EIO;
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0)
            done += (size_t)got;
    }
    return true;
}

const uint8_t *reply_disk_take(uint32_t slot, uint32_t length)
{
    bool is_read = false;
    errno = EPROTO;
    if (length <= GONDOLIN_REPLY_SLOT_BYTES && prepare())
        is_read = read_slot(slot, (length + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
    atomic_fetch_add(&taken, 1);
    return is_read ? data : NULL;
}

void reply_disk_mark(uint8_t *request)
{
    store_u16(request + TAKEN_AT, (uint16_t)atomic_load(&taken));
}
