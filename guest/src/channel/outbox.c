#include "channel/outbox.h"

#include "runtime/util.h"

/* Larger frames are written without a copy. */
#define MAX_STAGED_BYTES 8192

static struct outbox_packet *new_packet(size_t capacity)
{
    struct outbox_packet *packet = malloc(sizeof *packet + capacity);
    if (packet == NULL)
        return NULL;
    *packet = (struct outbox_packet){.bytes = (uint8_t *)(packet + 1)};
    return packet;
}

bool outbox_init(struct outbox *outbox)
{
    memset(outbox, 0, sizeof *outbox);
    for (size_t i = 0; i < ARRAY_LENGTH(outbox->lists); i++)
        outbox->lists[i].tail = &outbox->lists[i].head;
    for (int i = 0; i < OUTBOX_POOL_PACKETS; i++) {
        struct outbox_packet *packet = new_packet(GONDOLIN_FRAME_HEADER_BYTES + OUTBOX_DATA_BYTES);
        if (packet == NULL)
            return false;
        packet->is_pooled = true;
        outbox_return_packet(outbox, packet);
    }
    return true;
}

static void append(struct outbox *outbox, enum outbox_queue queue, struct outbox_packet *packet)
{
    struct outbox_list *list = &outbox->lists[queue];
    packet->next = NULL;
    *list->tail = packet;
    list->tail = &packet->next;
    if (queue == OUTBOX_URGENT)
        outbox->urgent_bytes += packet->length;
    else if (!packet->is_pooled)
        outbox->bulk_bytes += packet->length;
}

static struct outbox_packet *new_frame(uint8_t type, uint32_t stream, const uint8_t *payload, size_t length)
{
    struct outbox_packet *packet = new_packet(GONDOLIN_FRAME_HEADER_BYTES + length);
    if (packet == NULL)
        return NULL;
    frame_encode_header(packet->bytes, type, stream, (uint32_t)length);
    if (length > 0)
        memcpy(packet->bytes + GONDOLIN_FRAME_HEADER_BYTES, payload, length);
    packet->length = GONDOLIN_FRAME_HEADER_BYTES + length;
    return packet;
}

bool outbox_push(struct outbox *outbox, enum outbox_queue queue, uint8_t type, uint32_t stream, const uint8_t *payload,
                 size_t length)
{
    struct outbox_packet *packet = new_frame(type, stream, payload, length);
    if (packet != NULL)
        append(outbox, queue, packet);
    return packet != NULL;
}

bool outbox_hold(struct outbox *outbox, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length)
{
    struct outbox_packet *packet = new_frame(type, stream, payload, length);
    if (packet == NULL)
        return false;
    free(outbox->last);
    outbox->last = packet;
    outbox->is_held = true;
    return true;
}

void outbox_resume(struct outbox *outbox)
{
    outbox->is_held = false;
}

struct outbox_packet *outbox_take_packet(struct outbox *outbox)
{
    struct outbox_packet *packet = outbox->pool;
    if (packet != NULL)
        outbox->pool = packet->next;
    return packet;
}

void outbox_return_packet(struct outbox *outbox, struct outbox_packet *packet)
{
    if (!packet->is_pooled) {
        free(packet);
        return;
    }
    packet->next = outbox->pool;
    outbox->pool = packet;
}

void outbox_push_data(struct outbox *outbox, struct outbox_packet *packet, uint32_t stream, size_t length)
{
    frame_encode_header(packet->bytes, GONDOLIN_FRAME_DATA, stream, (uint32_t)length);
    packet->length = GONDOLIN_FRAME_HEADER_BYTES + length;
    append(outbox, OUTBOX_BULK, packet);
}

static struct outbox_list *first_list(struct outbox *outbox)
{
    return outbox->lists[OUTBOX_URGENT].head != NULL ? &outbox->lists[OUTBOX_URGENT] : &outbox->lists[OUTBOX_BULK];
}

static struct outbox_packet *pop(struct outbox *outbox, struct outbox_list *list)
{
    struct outbox_packet *packet = list->head;
    list->head = packet->next;
    if (list->head == NULL)
        list->tail = &list->head;
    if (list == &outbox->lists[OUTBOX_URGENT])
        outbox->urgent_bytes -= packet->length;
    else if (!packet->is_pooled)
        outbox->bulk_bytes -= packet->length;
    return packet;
}

/* Copies small frames from the front into the stage; a large one at the front becomes `current`. */
static void refill(struct outbox *outbox)
{
    outbox->stage_length = 0;
    outbox->stage_sent = 0;
    if (outbox->last != NULL) {
        outbox->current = outbox->last;
        outbox->current_sent = 0;
        outbox->last = NULL;
        return;
    }
    while (!outbox->is_held) {
        struct outbox_list *list = first_list(outbox);
        struct outbox_packet *packet = list->head;
        if (packet == NULL)
            return;
        if (packet->length > MAX_STAGED_BYTES) {
            if (outbox->stage_length == 0) {
                outbox->current = pop(outbox, list);
                outbox->current_sent = 0;
            }
            return;
        }
        if (packet->length > OUTBOX_STAGE_BYTES - outbox->stage_length)
            return;
        memcpy(outbox->stage + outbox->stage_length, packet->bytes, packet->length);
        outbox->stage_length += packet->length;
        outbox_return_packet(outbox, pop(outbox, list));
    }
}

size_t outbox_next(struct outbox *outbox, const uint8_t **bytes)
{
    if (outbox->current == NULL && outbox->stage_sent == outbox->stage_length)
        refill(outbox);
    if (outbox->current != NULL) {
        *bytes = outbox->current->bytes + outbox->current_sent;
        return outbox->current->length - outbox->current_sent;
    }
    *bytes = outbox->stage + outbox->stage_sent;
    return outbox->stage_length - outbox->stage_sent;
}

void outbox_sent(struct outbox *outbox, size_t count)
{
    if (outbox->current == NULL) {
        outbox->stage_sent += count;
        return;
    }
    outbox->current_sent += count;
    if (outbox->current_sent == outbox->current->length) {
        outbox_return_packet(outbox, outbox->current);
        outbox->current = NULL;
    }
}

void outbox_clear(struct outbox *outbox)
{
    for (size_t i = 0; i < ARRAY_LENGTH(outbox->lists); i++) {
        while (outbox->lists[i].head != NULL)
            outbox_return_packet(outbox, pop(outbox, &outbox->lists[i]));
    }
    free(outbox->last);
    outbox->last = NULL;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->current == NULL && outbox->stage_sent == outbox->stage_length && outbox->last == NULL &&
           outbox->lists[OUTBOX_URGENT].head == NULL && outbox->lists[OUTBOX_BULK].head == NULL;
}
