#include "net/hold/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>

#include "net/bpf/bpf.h"
#include "runtime/util.h"

/* About a thousand SYNs; a power of two, and whole pages on each architecture. */
#define DATA_BYTES 131072

/*
 * The layout that the kernel maps (kernel/bpf/ringbuf.c): a page with the consumer's position, a page with the
 * producer's, then the data twice in a row, so that no record wraps.
 */
static struct {
    struct loop_source source;
    size_t page_bytes;
    uint64_t *consumed;
    const uint64_t *produced;
    const uint8_t *data;
} ring = {.source = {.fd = -1}};

int net_ring_open(struct failure *failure)
{
    AUTO_CLOSE int fd = net_bpf_create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, DATA_BYTES, 0);
    if (fd < 0) {
        failed(failure, "bpf ring");
        return -1;
    }
    ring.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *consumer = mmap(NULL, ring.page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *producer = mmap(NULL, ring.page_bytes + 2 * DATA_BYTES, PROT_READ, MAP_SHARED, fd, (off_t)ring.page_bytes);
    if (consumer == MAP_FAILED || producer == MAP_FAILED) {
        failed(failure, "map the bpf ring");
        return -1;
    }
    ring.consumed = consumer;
    ring.produced = producer;
    ring.data = (const uint8_t *)producer + ring.page_bytes;
    ring.source.fd = take_fd(&fd);
    return ring.source.fd;
}

bool net_ring_watch(void (*on_syns)(struct loop_source *source, uint32_t events), struct failure *failure)
{
    ring.source.on_ready = on_syns;
    return loop_add(&ring.source, EPOLLIN) == 0 || failed(failure, "watch the bpf ring");
}

bool net_ring_take(struct net_syn *syn)
{
    bool is_taken = false;
    uint64_t position = *ring.consumed;
    while (!is_taken && position < __atomic_load_n(ring.produced, __ATOMIC_ACQUIRE)) {
        const uint8_t *record = ring.data + (position & (DATA_BYTES - 1));
        uint32_t header = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
        if ((header & BPF_RINGBUF_BUSY_BIT) != 0)
            break;
        uint32_t length = header & ~BPF_RINGBUF_DISCARD_BIT;
        if ((header & BPF_RINGBUF_DISCARD_BIT) == 0 && length == sizeof *syn) {
            memcpy(syn, record + BPF_RINGBUF_HDR_SZ, sizeof *syn);
            is_taken = true;
        }
        position += (BPF_RINGBUF_HDR_SZ + length + 7) & ~(uint64_t)7;
        __atomic_store_n(ring.consumed, position, __ATOMIC_RELEASE);
    }
    return is_taken;
}
