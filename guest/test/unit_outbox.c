#include "channel/outbox.h"
#include "unit.h"

/* The agent has one outbox for its whole life, so nothing frees it. */
static struct outbox first;
static struct outbox second;

static void sends_urgent_frames_first(void)
{
    struct outbox *outbox = &first;
    const uint8_t *bytes;
    CHECK(outbox_init(outbox));
    CHECK(outbox_is_empty(outbox));
    CHECK(outbox_push(outbox, OUTBOX_BULK, GONDOLIN_FRAME_EOF, 2, NULL, 0));
    CHECK(outbox_push(outbox, OUTBOX_URGENT, GONDOLIN_FRAME_EOF, 4, NULL, 0));
    size_t count = outbox_next(outbox, &bytes);
    CHECK(count >= GONDOLIN_FRAME_HEADER_BYTES && bytes[8] == 4);
    while ((count = outbox_next(outbox, &bytes)) > 0)
        outbox_sent(outbox, count);
    CHECK(outbox_is_empty(outbox));
}

static void bounds_bulk_data_by_its_pool(void)
{
    struct outbox *outbox = &second;
    struct outbox_packet *packets[OUTBOX_POOL_PACKETS];
    CHECK(outbox_init(outbox));
    for (int index = 0; index < OUTBOX_POOL_PACKETS; index++)
        CHECK((packets[index] = outbox_take_packet(outbox)) != NULL);
    CHECK(outbox_take_packet(outbox) == NULL);
    outbox_return_packet(outbox, packets[0]);
    CHECK(outbox_take_packet(outbox) == packets[0]);
    for (int index = 0; index < OUTBOX_POOL_PACKETS; index++)
        outbox_return_packet(outbox, packets[index]);
}

void unit_outbox(void)
{
    sends_urgent_frames_first();
    bounds_bulk_data_by_its_pool();
}
