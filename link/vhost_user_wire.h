/*
 * vhost_user_wire.h - the messages of vhost-user (QEMU docs/interop/vhost-user.rst, "Message Specification")
 *
 *	request 4 | flags 4 | size 4 | payload of size bytes		all in the machine's own byte order
 *
 * Bytes become a struct vhost_user_message and back; what a message may mean at a given moment is for
 * vhost_user_session.c to say.  Descriptors travel beside the bytes, with the first of them.
 */
#ifndef LINK_VHOST_USER_WIRE_H
#define LINK_VHOST_USER_WIRE_H

#include "stack/wire.h"

#define VHOST_USER_HLEN 12u
#define VHOST_USER_REGIONS 64u /* of one table; as many descriptors come with it */
#define VHOST_USER_CONFIG_MAX 256u
#define VHOST_USER_PAYLOAD_MAX (8u + 32u * VHOST_USER_REGIONS)
#define VHOST_USER_MESSAGE_MAX (VHOST_USER_HLEN + VHOST_USER_PAYLOAD_MAX)

#define VHOST_USER_VERSION 1u /* the two lowest bits of flags */
#define VHOST_USER_REPLY (1u << 2)
#define VHOST_USER_NEED_REPLY (1u << 3)

/* A bit of the virtio features that no virtio device has (virtio 1.2 section 6, bit 30). */
#define VHOST_USER_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

#define VHOST_USER_PROTOCOL_F_MQ (UINT64_C(1) << 0)
#define VHOST_USER_PROTOCOL_F_RARP (UINT64_C(1) << 2)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (UINT64_C(1) << 3)
#define VHOST_USER_PROTOCOL_F_NET_MTU (UINT64_C(1) << 4)
#define VHOST_USER_PROTOCOL_F_CONFIG (UINT64_C(1) << 9)
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE (UINT64_C(1) << 13)
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (UINT64_C(1) << 15)

/* The u64 of SET_VRING_KICK, _CALL and _ERR. */
#define VHOST_USER_VRING_INDEX 0xffu
#define VHOST_USER_VRING_NOFD (1u << 8)

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_REQUESTS = 44,
};

enum vhost_user_payload {
	VHOST_USER_NONE,
	VHOST_USER_U64,
	VHOST_USER_STATE,
	VHOST_USER_ADDR,
	VHOST_USER_MEMORY,
	VHOST_USER_REGION,
	VHOST_USER_CONFIG,
};

struct vhost_user_header {
	uint32_t request, flags, size;
};

struct vhost_user_state {
	uint32_t index, num;
};

struct vhost_user_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail; /* addresses of the front end */
	uint64_t log;
};

struct vhost_user_region {
	uint64_t guest, size; /* guest-physical */
	uint64_t user;        /* where the front end has it */
	uint64_t offset;      /* where in the file it begins */
};

struct vhost_user_memory_table {
	uint32_t n;
	struct vhost_user_region region[VHOST_USER_REGIONS];
};

struct vhost_user_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_USER_CONFIG_MAX];
};

struct vhost_user_message {
	uint32_t request;
	bool reply, need_reply;
	enum vhost_user_payload payload; /* which of these it has */
	union {
		uint64_t u64;
		struct vhost_user_state state;
		struct vhost_user_addr addr;
		struct vhost_user_memory_table memory;
		struct vhost_user_region region;
		struct vhost_user_config config;
	};
};

/* "SET_MEM_TABLE" ...; "an unknown request" if the protocol had none of that number. */
const char *vhost_user_request_name(uint32_t request);
/* Is it one that this back end knows how to serve?  Then what it brings and how many descriptors may come. */
bool vhost_user_request_served(uint32_t request);
enum vhost_user_payload vhost_user_request_payload(uint32_t request);
unsigned vhost_user_request_fds(uint32_t request);

/* The header's bytes, unjudged; false: fewer than VHOST_USER_HLEN. */
bool vhost_user_parse_header(struct rd *r, struct vhost_user_header *h);
/* May a front end say this?  False: a sentence in why.  What passes is at most VHOST_USER_PAYLOAD_MAX long. */
bool vhost_user_judge_header(const struct vhost_user_header *h, char *why, size_t size);
/* h, judged, and its whole payload; false: the lengths within it do not agree. */
bool vhost_user_parse(const struct vhost_user_header *h, struct view payload, struct vhost_user_message *m);
/* Header and payload, request or reply. */
void vhost_user_emit(struct wr *w, const struct vhost_user_message *m);

#endif
