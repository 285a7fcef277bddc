#include "identity.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

#include "host_module.h"
#include "realm.h"
#include "runtime/util.h"

#define TIME_BYTES 8
#define MAX_ENTROPY_BYTES 512
#define NS_PER_SECOND 1000000000ULL

static int random_fd = -1;

static bool set_clock(uint64_t realtime_ns)
{
    const struct timespec time = {
        .tv_sec = (time_t)(realtime_ns / NS_PER_SECOND),
        .tv_nsec = (long)(realtime_ns % NS_PER_SECOND),
    };
    return clock_settime(CLOCK_REALTIME, &time) == 0;
}

/* The kernel mixes written entropy in when it reseeds. */
static bool add_entropy(const uint8_t *bytes, size_t length)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[MAX_ENTROPY_BYTES];
    } pool = {.info = {.entropy_count = (int)length * 8, .buf_size = (int)length}};
    memcpy((uint8_t *)&pool + sizeof pool.info, bytes, length);
    return ioctl(random_fd, RNDADDENTROPY, &pool) == 0 && ioctl(random_fd, RNDRESEEDCRNG) == 0;
}

void identity_prepare(void)
{
    random_fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
}

void identity_set(const struct frame *frame)
{
    /* On a port this is a machine of its own; elsewhere, as in tests, the clock is that of the host. */
    if (!frames_have_port() || frame->length <= TIME_BYTES || frame->length > TIME_BYTES + MAX_ENTROPY_BYTES)
        _exit(2);
    if (!set_clock(load_u64(frame->payload)) || !add_entropy(frame->payload + TIME_BYTES, frame->length - TIME_BYTES))
        _exit(3);
    realm_forget_random();
    host_send(FRAME_READY, NULL, 0);
}
