#include "file/absent_names.h"

#include <errno.h>
#include <limits.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>

#include "file/fuse_body.h"
#include "file/kernel_reply.h"
#include "protocol.h"
#include "runtime/util.h"

/* A directory is at its node id modulo this: a later one of the same place replaces it. */
#define MAX_DIRECTORIES 1024
#define NAME_PLACES 32768U
/* Places that a name may have. When they are taken everything is forgotten: so each request takes a bounded time. */
#define PROBES 64U
/* In a NOTIFY_WHOLE message. */
#define NODE_AT sizeof(struct fuse_out_header)
#define IS_WHOLE_AT (NODE_AT + 8)
#define WHOLE_BYTES (IS_WHOLE_AT + 4)

struct name {
    const uint8_t *bytes;
    size_t length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by `lock`. Node ids are never used again, so names of a directory that is known no more do no harm. */
static uint64_t directories[MAX_DIRECTORIES];
static bool has_directories;
static bool is_paused;
/* Hashes of node and name, 0 for none. A name is never removed: the host knows whether it still exists. */
static uint64_t names[NAME_PLACES];

static bool is_known(uint64_t node)
{
    return node != 0 && directories[node % MAX_DIRECTORIES] == node;
}

static void forget(uint64_t node)
{
    if (is_known(node))
        directories[node % MAX_DIRECTORIES] = 0;
}

static void forget_all(void)
{
    if (has_directories)
        memset(directories, 0, sizeof directories);
    has_directories = false;
}

/* FNV-1a. Names with one hash count as the same: the host is asked about both. */
static uint64_t hash(uint64_t node, struct name name)
{
    uint64_t value = 0xcbf29ce484222325U;
    for (unsigned i = 0; i < 8; i++)
        value = (value ^ (node >> (8 * i) & 0xff)) * 0x100000001b3U;
    for (size_t i = 0; i < name.length; i++)
        value = (value ^ name.bytes[i]) * 0x100000001b3U;
    value ^= value >> 32;
    return value != 0 ? value : 1;
}

/* Returns where a name is, or a free place for it; NULL without one. */
static uint64_t *find(uint64_t key)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t *place = &names[(key + i) % NAME_PLACES];
        if (*place == key || *place == 0)
            return place;
    }
    return NULL;
}

static void add(uint64_t node, struct name name)
{
    if (!is_known(node))
        return;
    uint64_t key = hash(node, name);
    uint64_t *place = find(key);
    if (place != NULL) {
        *place = key;
        return;
    }
    forget_all();
    memset(names, 0, sizeof names);
}

static bool may_exist(uint64_t node, struct name name)
{
    const uint64_t *place = find(hash(node, name));
    return place == NULL || *place != 0;
}

/* Returns the name at an offset of a request, up to its NUL; a name without bytes if there is no NUL. */
static struct name name_at(const uint8_t *request, size_t length, size_t at)
{
    struct name name = {0};
    const uint8_t *end = at < length ? memchr(request + at, 0, length - at) : NULL;
    if (end != NULL) {
        name.bytes = request + at;
        name.length = (size_t)(end - name.bytes);
    }
    return name;
}

/* Adds the name at an offset, which is made in the directory. */
static void add_at(uint64_t node, const uint8_t *request, size_t length, size_t at)
{
    struct name name = name_at(request, length, at);
    if (name.bytes != NULL)
        add(node, name);
    else
        forget(node);
}

/* Adds both names of a rename, whose directory is at the start of its body: an exchange makes both. */
static void add_renamed(uint64_t node, const uint8_t *request, size_t length, size_t at)
{
    struct name name = name_at(request, length, at);
    if (name.bytes == NULL) {
        forget_all();
        return;
    }
    add(node, name);
    add_at(load_u64(request + FUSE_BODY_AT), request, length, at + name.length + 1);
}

static void forget_nodes(const uint8_t *request, size_t length)
{
    for (size_t at = FUSE_BODY_AT + sizeof(struct fuse_batch_forget_in); at + sizeof(struct fuse_forget_one) <= length;
         at += sizeof(struct fuse_forget_one))
        forget(load_u64(request + at));
}

/* Returns the length of what is before the name in the body of a request that makes or moves one; -1 for others. */
static ssize_t fixed_bytes(uint32_t opcode)
{
    switch (opcode) {
    case FUSE_SYMLINK:
        return 0;
    case FUSE_MKDIR:
        return sizeof(struct fuse_mkdir_in);
    case FUSE_LINK:
        return sizeof(struct fuse_link_in);
    case FUSE_MKNOD:
        return sizeof(struct fuse_mknod_in);
    case FUSE_CREATE:
        return sizeof(struct fuse_create_in);
    case FUSE_RENAME:
        return sizeof(struct fuse_rename_in);
    case FUSE_RENAME2:
        return sizeof(struct fuse_rename2_in);
    default:
        return -1;
    }
}

/* Takes account of a request that may make names, or end nodes. */
static void note(const struct fuse_in_header *header, const uint8_t *request, size_t length)
{
    const ssize_t fixed = fixed_bytes(header->opcode);
    if (header->opcode == FUSE_FORGET)
        forget(header->nodeid);
    else if (header->opcode == FUSE_BATCH_FORGET)
        forget_nodes(request, length);
    else if (header->opcode == FUSE_RENAME || header->opcode == FUSE_RENAME2)
        add_renamed(header->nodeid, request, length, FUSE_BODY_AT + (size_t)fixed);
    else if (fixed >= 0)
        add_at(header->nodeid, request, length, FUSE_BODY_AT + (size_t)fixed);
}

/* Whether it is a name that the guest may make. What the host says of others, and how it compares letters beyond ASCII, is its own matter. */
static bool is_plain(struct name name)
{
    if (name.length == 0 || name.length > NAME_MAX)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (name.bytes[i] >= 0x80)
            return false;
    bool is_dot = name.bytes[0] == '.' && (name.length == 1 || (name.length == 2 && name.bytes[1] == '.'));
    return !is_dot;
}

static bool is_missing(const struct fuse_in_header *header, const uint8_t *request, size_t length)
{
    if (header->opcode != FUSE_LOOKUP || !is_known(header->nodeid))
        return false;
    struct name name = name_at(request, length, FUSE_BODY_AT);
    return is_plain(name) && !may_exist(header->nodeid, name);
}

bool absent_names_answer(int device_fd, const uint8_t *request, size_t length)
{
    struct fuse_in_header header;
    if (length < FUSE_BODY_AT)
        return false;
    memcpy(&header, request, sizeof header);
    /* The agent's own, which repeats an edit of the host: the host knows how the name was before that. */
    if (header.uid == GONDOLIN_EDITOR_UID)
        return false;
    (void)pthread_mutex_lock(&lock);
    if (has_directories)
        note(&header, request, length);
    bool is_answered = has_directories && is_missing(&header, request, length);
    if (is_answered)
        kernel_reply(device_fd, header.unique, -ENOENT, NULL, 0);
    (void)pthread_mutex_unlock(&lock);
    return is_answered;
}

void absent_names_told(const uint8_t *message, size_t length)
{
    if (length < WHOLE_BYTES)
        return;
    uint64_t node = load_u64(message + NODE_AT);
    (void)pthread_mutex_lock(&lock);
    if (node == 0) {
        forget_all();
    } else if (load_u32(message + IS_WHOLE_AT) != 0 && !is_paused) {
        directories[node % MAX_DIRECTORIES] = node;
        has_directories = true;
    } else {
        forget(node);
    }
    (void)pthread_mutex_unlock(&lock);
}

static void set_paused(bool paused)
{
    (void)pthread_mutex_lock(&lock);
    is_paused = paused;
    forget_all();
    (void)pthread_mutex_unlock(&lock);
}

void absent_names_pause(void)
{
    set_paused(true);
}

void absent_names_resume(void)
{
    set_paused(false);
}

void absent_names_forget_all(void)
{
    (void)pthread_mutex_lock(&lock);
    forget_all();
    (void)pthread_mutex_unlock(&lock);
}
