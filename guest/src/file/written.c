#include "file/written.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <string.h>

#include "file/fuse_body.h"
#include "file/kernel_reply.h"
#include "protocol.h"
#include "runtime/clock.h"
#include "runtime/util.h"

#define MAX_FILES 4
/* Nobody watches the host's file for the agent for longer than the kernel would wait for a reply. */
#define VALID_MS 1000
/* In a NOTIFY_WRITTEN message. */
#define NODE_AT sizeof(struct fuse_out_header)
#define UNIQUE_AT (NODE_AT + 8)
#define HAS_DATA_AT (NODE_AT + 16)
#define ATTRIBUTES_AT (NODE_AT + 20)
#define DATA_AT (ATTRIBUTES_AT + sizeof(struct fuse_attr_out))
/* In a WRITE. */
#define USED_AT (FUSE_BODY_AT + offsetof(struct fuse_write_in, padding))

struct written_file {
    uint64_t node;
    /* Its last WRITE or change of a name, while no other request may have changed it since; else 0. */
    uint64_t unique;
    int64_t valid_until_ms;
    bool has_attributes;
    bool has_data;
    uint32_t used;
    uint32_t length;
    uint8_t attributes[sizeof(struct fuse_attr_out)];
    uint8_t data[GONDOLIN_MAX_WRITTEN_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by `lock`, which is held while the kernel gets a reply: no later notification can overtake it. */
static struct written_file files[MAX_FILES];
static unsigned next;

static struct written_file *find(uint64_t node)
{
    for (unsigned i = 0; i < MAX_FILES; i++)
        if (files[i].node == node && node != 0)
            return &files[i];
    return NULL;
}

static void drop(struct written_file *file)
{
    file->unique = 0;
    file->has_attributes = false;
    file->has_data = false;
}

static void drop_all(void)
{
    for (unsigned i = 0; i < MAX_FILES; i++)
        drop(&files[i]);
}

/* Starts over with each change. Returns what was used of what came with the one before. */
static uint32_t note_change(uint64_t node, uint64_t unique)
{
    struct written_file *file = find(node);
    if (file == NULL) {
        file = &files[next++ % MAX_FILES];
        file->node = node;
        file->used = 0;
    }
    uint32_t used = file->used;
    drop(file);
    file->unique = unique;
    file->used = 0;
    return used;
}

static bool answer_attributes(int device_fd, struct written_file *file, uint64_t unique)
{
    if (!file->has_attributes || clock_coarse_ms() > file->valid_until_ms)
        return false;
    kernel_reply(device_fd, unique, 0, file->attributes, sizeof file->attributes);
    file->has_attributes = false;
    file->used |= FUSE_USED_ATTRIBUTES;
    return true;
}

static bool answer_read(int device_fd, struct written_file *file, uint64_t unique, const uint8_t *body)
{
    struct fuse_read_in asked;
    memcpy(&asked, body, sizeof asked);
    if (!file->has_data || clock_coarse_ms() > file->valid_until_ms)
        return false;
    kernel_reply_read(device_fd, unique, &asked, file->data, file->length);
    file->has_data = false;
    file->used |= FUSE_USED_DATA;
    return true;
}

/* Whether it changes a name of the directory that it names. */
static bool changes_name(uint32_t opcode)
{
    switch (opcode) {
    case FUSE_CREATE:
    case FUSE_MKNOD:
    case FUSE_SYMLINK:
    case FUSE_LINK:
    case FUSE_UNLINK:
        return true;
    default:
        return false;
    }
}

/* Whether it changes no file that the kernel knows. */
static bool is_harmless(const struct fuse_in_header *header, const uint8_t *body)
{
    switch (header->opcode) {
    case FUSE_LOOKUP:
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_GETATTR:
    case FUSE_READ:
    case FUSE_READLINK:
    case FUSE_RELEASE:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
    case FUSE_STATFS:
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_INTERRUPT:
        return true;
    case FUSE_OPEN:
        return (load_u32(body) & O_TRUNC) == 0;
    default:
        return false;
    }
}

/* Bytes of a request's body that are used here. A name alone may have fewer than 8. */
static size_t read_bytes(uint32_t opcode)
{
    if (opcode == FUSE_WRITE)
        return sizeof(struct fuse_write_in);
    if (opcode == FUSE_READ)
        return sizeof(struct fuse_read_in);
    return opcode == FUSE_OPEN ? sizeof(struct fuse_open_in) : 0;
}

static bool serve(int device_fd, const struct fuse_in_header *header, uint8_t *request)
{
    const uint8_t *body = request + FUSE_BODY_AT;
    struct written_file *file = find(header->nodeid);
    if (header->opcode == FUSE_WRITE) {
        store_u32(request + USED_AT, note_change(header->nodeid, header->unique));
    } else if (!is_harmless(header, body)) {
        drop_all();
        if (changes_name(header->opcode))
            (void)note_change(header->nodeid, header->unique);
    }
    if (file != NULL && header->opcode == FUSE_GETATTR)
        return answer_attributes(device_fd, file, header->unique);
    if (file != NULL && header->opcode == FUSE_READ)
        return answer_read(device_fd, file, header->unique, body);
    return false;
}

bool written_answer(int device_fd, uint8_t *request, size_t length)
{
    struct fuse_in_header header;
    if (length < FUSE_BODY_AT)
        return false;
    memcpy(&header, request, sizeof header);
    if (length - FUSE_BODY_AT < read_bytes(header.opcode))
        return false;
    (void)pthread_mutex_lock(&lock);
    bool is_answered = serve(device_fd, &header, request);
    (void)pthread_mutex_unlock(&lock);
    return is_answered;
}

void written_add(const uint8_t *message, size_t length)
{
    if (length < DATA_AT || length - DATA_AT > GONDOLIN_MAX_WRITTEN_BYTES)
        return;
    (void)pthread_mutex_lock(&lock);
    struct written_file *file = find(load_u64(message + NODE_AT));
    /* Another request may have changed the file since the host looked at it. */
    if (file != NULL && file->unique == load_u64(message + UNIQUE_AT)) {
        file->valid_until_ms = clock_coarse_ms() + VALID_MS;
        file->has_attributes = true;
        file->has_data = load_u32(message + HAS_DATA_AT) != 0;
        file->length = (uint32_t)(length - DATA_AT);
        memcpy(file->attributes, message + ATTRIBUTES_AT, sizeof file->attributes);
        memcpy(file->data, message + DATA_AT, file->length);
    }
    (void)pthread_mutex_unlock(&lock);
}

void written_drop(const uint8_t *notification, size_t length)
{
    bool is_node = load_u32(notification + 4) == FUSE_NOTIFY_INVAL_INODE && length >= NODE_AT + 8;
    (void)pthread_mutex_lock(&lock);
    struct written_file *file = is_node ? find(load_u64(notification + NODE_AT)) : NULL;
    if (file != NULL)
        drop(file);
    else if (!is_node)
        drop_all();
    (void)pthread_mutex_unlock(&lock);
}
