/*
 * vhost_user_test.c - the life of VMMs on a vhost-user link: features, queues, memory, leaving, coming back
 */
#include "test/unit/vhost_user_kit.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "link/unix.h"

/* --- life ------------------------------------------------------------------------------------------ */

static void
a_vmm_is_served_and_the_next(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 1; i <= 3; i++) {
		start(b);
		assert_int_equal(b->link->arrived, i);
		assert_true(b->link->sink.lim.csum &&
			    b->link->sink.lim.tso == false); /* 64 entries: too few */
		for (int k = 0; k < 100; k++)
			assert_works(b);
		front_hang_up(&b->front);
		rest(b);
		assert_int_equal(b->link->departed, i);
		assert_string_equal(b->link->reason, "the VMM closed the connection");
		assert_int_equal(b->error, 0);
		assert_int_equal(open_descriptors(), b->fds);
		assert_int_equal(mappings("memfd:guest"), 1);
	}
	assert_int_equal(b->logged, 0);
}

static void
without_a_guest_frames_are_lost_and_there_is_room(void **state)
{
	struct bench *b = *state;
	uint8_t frame[60] = {0};

	open_link(b);
	for (int i = 0; i < 3; i++) {
		assert_true(b->link->sink.room(b->link->sink.ctx));
		gateway_sends(b, frame, sizeof(frame));
		start(b);
		front_hang_up(&b->front);
		rest(b);
	}
}

static void
a_vmm_that_never_ran_is_no_guest(void **state)
{
	struct bench *b = *state;

	open_link(b);
	front_connect(&b->front, b->path);
	assert_true(front_negotiate(&b->front, FRONT_FEATURES));
	rest(b);
	front_hang_up(&b->front);
	rest(b);
	assert_int_equal(b->link->arrived, 0);
	assert_int_equal(b->link->departed, 0);
	assert_string_equal(b->line, "the VMM closed the connection"); /* the loop would not say it */
	start(b);
	assert_works(b);
}

static void
a_second_vmm_waits_its_turn(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	int first = f->fd;

	front_connect(f, b->path);
	int second = f->fd;
	rest(b); /* and does not spin */
	f->fd = first;
	assert_works(b);
	front_hang_up(f);
	f->fd = second;
	assert_true(front_start(f, FRONT_FEATURES, 64));
	rest(b);
	assert_int_equal(b->link->departed, 1);
	assert_int_equal(b->link->arrived, 2);
	assert_works(b);
}

static void
one_off_ends_with_the_first(void **state)
{
	struct bench *b = *state;

	b->opts.one_off = true;
	start(b);
	front_hang_up(&b->front);
	turn(b);
	assert_int_equal(b->error, -ENOLINK);
	assert_int_equal(b->link->error, ENOLINK);
	assert_string_equal(b->link->reason, "the VMM closed the connection");
	turn(b);
	assert_int_equal(b->error, -ENOLINK);
}

/* By the one who gave it: the VMM that is served is served on, and no other will be. */
static void
a_listening_descriptor_that_is_shut_down_ends_with_its_vmm(void **state)
{
	struct bench *b = *state;
	int listener = unix_bind(b->path, SOCK_STREAM);

	b->opts.path = NULL;
	b->opts.fd = listener;
	start(b);
	assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
	assert_works(b);
	front_hang_up(&b->front);
	turn(b);
	assert_int_equal(b->error, 0);
	turn(b);
	assert_int_equal(b->error, -ENOLINK);
	assert_string_equal(b->link->reason, "the socket that was to be listened at has been shut down");
}

static void
a_vmm_may_listen(void **state)
{
	struct bench *b = *state;
	int listener = unix_bind(b->path, SOCK_STREAM);

	assert_true(listener >= 0);
	b->opts.connect = true;
	open_link(b);
	b->front.fd = unix_accept(listener);
	assert_true(b->front.fd >= 0);
	assert_true(front_start(&b->front, FRONT_FEATURES, 64));
	rest(b);
	assert_works(b);
	front_hang_up(&b->front);
	turn(b);
	assert_int_equal(b->error, -ENOLINK);
	close(listener);
}

static void
a_connected_descriptor_is_the_links(void **state)
{
	struct bench *b = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	b->opts.path = NULL;
	b->opts.fd = pair[0];
	b->front.fd = pair[1];
	open_link(b);
	assert_true(front_start(&b->front, FRONT_FEATURES, 64));
	rest(b);
	assert_works(b);
	b->link->ops->free(b->link);
	b->link = NULL;
	assert_int_equal(close(pair[0]), -1);
	assert_int_equal(mappings("memfd:guest"), 1);
}

static void
a_listening_descriptor_serves_one_after_another(void **state)
{
	struct bench *b = *state;

	b->opts.fd = unix_bind(b->path, SOCK_STREAM);
	b->opts.path = NULL;
	for (int i = 0; i < 3; i++) {
		start(b);
		assert_works(b);
		front_hang_up(&b->front);
		rest(b);
	}
	assert_int_equal(access(b->path, F_OK), 0);
	link_vhost_user_disown(b->link);
	b->link->ops->free(b->link);
	b->link = NULL;
	assert_int_equal(close(b->opts.fd), 0); /* still its giver's */
	assert_int_equal(access(b->path, F_OK), 0);
}

static void
the_path_goes_with_the_link(void **state)
{
	struct bench *b = *state;

	open_link(b);
	assert_int_equal(access(b->path, F_OK), 0);
	b->link->ops->free(b->link);
	b->link = NULL;
	assert_int_equal(access(b->path, F_OK), -1);
}

static void
what_cannot_be_opened_is_explained(void **state)
{
	struct bench *b = *state;
	struct vhost_user_options o = b->opts;
	char why[256] = "";
	int pipes[2];
	unsigned before = open_descriptors();

	o.connect = true;
	assert_null(link_vhost_user(b->host, &o, why, sizeof(why)));
	assert_non_null(strstr(why, b->path));
	o = (struct vhost_user_options){.fd = -1, .mtu = MTU};
	assert_null(link_vhost_user(b->host, &o, why, sizeof(why)));
	assert_non_null(strstr(why, "-1"));
	assert_int_equal(pipe(pipes), 0);
	o.fd = pipes[0];
	assert_null(link_vhost_user(b->host, &o, why, sizeof(why)));
	assert_non_null(strstr(why, "not a socket"));
	close(pipes[0]);
	close(pipes[1]);
	o.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_null(link_vhost_user(b->host, &o, why, sizeof(why)));
	assert_non_null(strstr(why, "not a stream"));
	close(o.fd);
	o.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_null(link_vhost_user(b->host, &o, why, sizeof(why)));
	assert_non_null(strstr(why, "neither"));
	close(o.fd);
	assert_int_equal(open_descriptors(), before);
}

/* --- messages -------------------------------------------------------------------------------------- */

static void
messages_may_come_in_pieces(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	struct vhost_user_message m = {
	    .request = VHOST_USER_GET_VRING_BASE, .payload = VHOST_USER_STATE, .state = {1, 0}};
	uint8_t bytes[64];
	struct wr w = wr_of(bytes, sizeof(bytes));

	open_link(b);
	front_connect(f, b->path);
	vhost_user_emit(&w, &m);
	for (const uint8_t *p = bytes; p < w.p; p++) {
		assert_true(front_send_bytes(f, p, 1, NULL, 0));
		rest(b);
	}
	assert_true(front_reply(f, &m));
	assert_int_equal(m.request, VHOST_USER_GET_VRING_BASE);
	assert_int_equal(m.state.index, 1);

	/* Descriptors come with the first byte of theirs. */
	m = (struct vhost_user_message){
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = front_region(f)};
	w = wr_of(bytes, sizeof(bytes));
	vhost_user_emit(&w, &m);
	for (const uint8_t *p = bytes; p < w.p; p++) {
		assert_true(front_send_bytes(f, p, 1, &f->memfd, p == bytes ? 1 : 0));
		rest(b);
	}
	assert_int_equal(mappings("memfd:guest"), 2);
}

static void
many_messages_are_taken_some_a_turn(void **state)
{
	struct bench *b = *state;
	struct vhost_user_message reply;

	open_link(b);
	front_connect(&b->front, b->path);
	for (int i = 0; i < 100; i++)
		assert_true(front_say(&b->front, VHOST_USER_GET_FEATURES));
	turn(b);
	assert_true(b->more);
	for (int i = 0; i < 100; i++)
		assert_true(front_reply(&b->front, &reply));
	rest(b);
	assert_int_equal(recv(b->front.fd, &reply, 1, MSG_DONTWAIT), -1);
}

static void
who_wants_an_acknowledgment_gets_one(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	struct vhost_user_message m = {.request = VHOST_USER_SET_OWNER, .need_reply = true};
	uint64_t v = 99;

	open_link(b);
	front_connect(f, b->path);
	/* Not before REPLY_ACK was accepted. */
	assert_true(front_send(f, &m, NULL, 0));
	assert_true(front_ask(f, VHOST_USER_GET_FEATURES, &v));
	assert_int_equal(v, FRONT_FEATURES);
	assert_true(front_negotiate(f, FRONT_FEATURES));
	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, 0);
	m = (struct vhost_user_message){
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = front_region(f)};
	assert_true(front_ack(f, &m, &f->memfd, 1, &v));
	assert_int_equal(v, 0);
	/* One answer, not two, for those that have one anyway. */
	m = (struct vhost_user_message){.request = VHOST_USER_GET_QUEUE_NUM};
	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, 1);
	m = (struct vhost_user_message){.request = VHOST_USER_GET_MAX_MEM_SLOTS};
	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, VHOST_USER_REGIONS);
	m = (struct vhost_user_message){.request = VHOST_USER_SEND_RARP, .payload = VHOST_USER_U64};
	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, 0);
}

static void
the_mtu_must_not_be_smaller(void **state)
{
	struct bench *b = *state;
	const struct {
		uint64_t mtu;
		bool good;
	} cases[] = {{MTU, true},    {9000, true}, {65535, true},      {MTU - 1, false},
		     {65536, false}, {0, false},   {UINT64_MAX, false}};
	uint64_t v;

	start(b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vhost_user_message m = {
		    .request = VHOST_USER_NET_SET_MTU, .payload = VHOST_USER_U64, .u64 = cases[i].mtu};
		unsigned logged = b->logged;

		assert_true(front_ack(&b->front, &m, NULL, 0, &v));
		assert_int_equal(v == 0, cases[i].good);
		assert_int_equal(b->logged == logged, cases[i].good);
	}
	assert_works(b);
}

static void
the_configuration_space_is_offered_with_a_mac(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	const uint8_t want[12] = {2, 1, 2, 3, 4, 5, 0, 0, 1, 0, MTU & 0xff, MTU >> 8};
	struct vhost_user_message m = {
	    .request = VHOST_USER_GET_CONFIG, .payload = VHOST_USER_CONFIG, .config = {.size = 12}};
	struct vhost_user_message set = {
	    .request = VHOST_USER_SET_CONFIG, .payload = VHOST_USER_CONFIG, .config = {.size = 6}};
	uint64_t v;

	memcpy(b->opts.mac, want, 6);
	open_link(b);
	front_connect(f, b->path);
	assert_true(front_ask(f, VHOST_USER_GET_FEATURES, &v));
	assert_true((v & VIRTIO_NET_F_MAC) && (v & VIRTIO_NET_F_MTU));
	assert_true(front_ask(f, VHOST_USER_GET_PROTOCOL_FEATURES, &v));
	assert_true(v & VHOST_USER_PROTOCOL_F_CONFIG);
	assert_true(front_send(f, &m, NULL, 0) && front_reply(f, &m));
	assert_int_equal(m.config.size, 12);
	assert_memory_equal(m.config.bytes, want, 12);
	/* Beyond the last field there are zeros, beyond the space an error. */
	m.config = (struct vhost_user_config){.offset = 5, .size = 256};
	m.reply = false;
	assert_true(front_send(f, &m, NULL, 0) && front_reply(f, &m));
	assert_int_equal(m.config.size, 256);
	assert_memory_equal(m.config.bytes, want + 5, 7);
	for (unsigned i = 7; i < 256; i++)
		assert_int_equal(m.config.bytes[i], 0);
	m = (struct vhost_user_message){.request = VHOST_USER_GET_CONFIG,
					.payload = VHOST_USER_CONFIG,
					.config = {.offset = UINT32_MAX, .size = 256}};
	assert_true(front_send(f, &m, NULL, 0) && front_reply(f, &m));
	assert_int_equal(m.payload, VHOST_USER_NONE);
	assert_true(front_negotiate(f, FRONT_FEATURES | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU));
	assert_true(front_ack(f, &set, NULL, 0, &v));
	assert_int_equal(v, 1);
}

static void
without_a_mac_the_configuration_space_is_the_vmms(void **state)
{
	struct bench *b = *state;
	struct vhost_user_message m = {
	    .request = VHOST_USER_GET_CONFIG, .payload = VHOST_USER_CONFIG, .config = {.size = 12}};
	uint64_t v;

	open_link(b);
	front_connect(&b->front, b->path);
	assert_true(front_ask(&b->front, VHOST_USER_GET_PROTOCOL_FEATURES, &v));
	assert_false(v & VHOST_USER_PROTOCOL_F_CONFIG);
	assert_false(v & VHOST_USER_PROTOCOL_F_MQ);
	assert_true(front_send(&b->front, &m, NULL, 0) && front_reply(&b->front, &m));
	assert_int_equal(m.payload, VHOST_USER_NONE);
}

static void
who_does_not_read_its_replies_is_left(void **state)
{
	struct bench *b = *state;
	int left = 0;

	open_link(b);
	front_connect(&b->front, b->path);
	while (b->link->reason[0] == '\0' && left++ < 100000) {
		if (!front_say(&b->front, VHOST_USER_GET_FEATURES))
			break;
		turn(b);
	}
	assert_left(b, "does not read");
}

/* --- queues ---------------------------------------------------------------------------------------- */

static void
a_queue_runs_when_it_is_kicked_and_enabled(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	uint8_t frame[60] = {1};

	assert_true(front_say_state(f, VHOST_USER_SET_VRING_ENABLE, VIRTIO_TX, 0));
	rest(b);
	front_guest_sends(f, frame, sizeof(frame));
	driver_kick(&f->driver, VIRTIO_TX);
	rest(b);
	assert_int_equal(b->frames, 0);
	assert_true(front_say_state(f, VHOST_USER_SET_VRING_ENABLE, VIRTIO_TX, 1));
	rest(b);
	assert_int_equal(b->frames, 1); /* it waited */
	assert_works(b);
	assert_int_equal(b->link->departed, 0);
}

static void
without_protocol_features_a_kick_is_enough(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	front_hang_up(f);
	front_connect(f, b->path);
	assert_true(front_say(f, VHOST_USER_SET_OWNER));
	assert_true(front_say_u64(f, VHOST_USER_SET_FEATURES, VIRTIO_LINK_FEATURES));
	assert_true(front_say_memory(f));
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		driver_queue_init(&f->driver, i, &(struct driver_queue_conf){.num = 16, .event_idx = true});
		assert_true(front_start_queue(f, i, 0));
	}
	rest(b);
	assert_int_equal(b->link->arrived, 2);
	struct driver_part part = {.gpa = f->buffers, .len = FRONT_BUFFER, .write = true};
	assert_true(driver_add(&f->driver.q[VIRTIO_RX], &part, 1, false, f->buffers));
	driver_publish(&f->driver.q[VIRTIO_RX]);
	assert_works(b);
}

/* cloud-hypervisor and crosvm enable last, QEMU first: before anything else is known of the queue. */
static void
enabling_may_come_first(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	front_hang_up(f);
	front_connect(f, b->path);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		assert_true(front_say_state(f, VHOST_USER_SET_VRING_ENABLE, i, 1));
	assert_true(front_negotiate(f, FRONT_FEATURES));
	assert_true(front_say_memory(f));
	/* From where the last back end left them. */
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		assert_true(front_start_queue(f, i, driver_used_read(&f->driver.q[i], 2)));
	rest(b);
	assert_works(b);
}

static void
a_stopped_queue_tells_where_it_is_and_goes_on_from_there(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m;

	for (int i = 0; i < 7; i++)
		assert_works(b);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		assert_true(front_say_state(f, VHOST_USER_GET_VRING_BASE, i, 0));
		assert_true(front_reply(f, &m));
		assert_int_equal(m.state.index, i);
		assert_int_equal(m.state.num, 7);
	}
	uint8_t frame[60] = {1};
	front_guest_sends(f, frame, sizeof(frame));
	gateway_sends(b, frame, sizeof(frame)); /* as on a cable that is cut */
	rest(b);
	assert_int_equal(b->frames, 7);
	assert_int_equal(b->link->departed, 0); /* a VMM that pauses keeps its flows */
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		assert_true(front_start_queue(f, i, 7));
	rest(b);
	assert_int_equal(b->frames, 8);
	assert_works(b);
	assert_int_equal(b->link->arrived, 1);
}

static void
the_driver_is_interrupted_once_when_its_queue_starts(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	assert_true(driver_interrupted(&f->driver, VIRTIO_RX));
	assert_true(driver_interrupted(&f->driver, VIRTIO_TX));
	rest(b);
	assert_false(driver_interrupted(&f->driver, VIRTIO_RX));
	assert_false(driver_interrupted(&f->driver, VIRTIO_TX));
}

static void
kicks_and_calls_may_change(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	uint8_t frame[60] = {1};
	eventfd_t n;

	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), old = f->driver.kick_fd[i];

		assert_true(front_say_fd(f, VHOST_USER_SET_VRING_KICK, i, kick));
		rest(b);
		f->driver.kick_fd[i] = kick;
		assert_works(b);
		close(old);
	}
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(front_say_fd(f, VHOST_USER_SET_VRING_CALL, VIRTIO_RX, call));
	rest(b);
	while (driver_interrupted(&f->driver, VIRTIO_RX))
		;
	driver_arm(&f->driver.q[VIRTIO_RX]);
	gateway_sends(b, frame, sizeof(frame));
	assert_int_equal(eventfd_read(call, &n), 0);
	assert_false(driver_interrupted(&f->driver, VIRTIO_RX));
	/* None: the driver looks by itself. */
	assert_true(front_say_fd(f, VHOST_USER_SET_VRING_CALL, VIRTIO_RX | VHOST_USER_VRING_NOFD, -1));
	rest(b);
	gateway_sends(b, frame, sizeof(frame));
	assert_int_equal(eventfd_read(call, &n), -1);
	assert_int_equal(front_guest_gets(f, frame, sizeof(frame)), sizeof(frame));
	close(call);
}

static void
a_broken_queue_is_told_of_and_may_start_again(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m;
	eventfd_t n;

	driver_desc(&f->driver, f->driver.q[VIRTIO_TX].desc, 5, 0, 100, 0, 0);
	driver_offer(&f->driver.q[VIRTIO_TX], 5);
	driver_kick(&f->driver, VIRTIO_TX);
	rest(b);
	assert_int_equal(eventfd_read(f->err_fd[VIRTIO_TX], &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(eventfd_read(f->err_fd[VIRTIO_RX], &n), -1);
	assert_int_equal(b->logged, 1);
	assert_non_null(strstr(b->line, "queue 1"));
	rest(b);
	assert_int_equal(b->logged, 1);

	assert_true(front_say_state(f, VHOST_USER_GET_VRING_BASE, VIRTIO_TX, 0));
	assert_true(front_reply(f, &m));
	driver_queue_init(&f->driver, VIRTIO_TX, &(struct driver_queue_conf){.num = 64, .event_idx = true});
	assert_true(front_start_queue(f, VIRTIO_TX, 0));
	rest(b);
	assert_works(b);
}

/* --- another driver -------------------------------------------------------------------------------- */

static void
stop_both(struct vhost_front *f)
{
	struct vhost_user_message m;

	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		assert_true(front_say_state(f, VHOST_USER_GET_VRING_BASE, i, 0));
		assert_true(front_reply(f, &m));
	}
}

static void
other_features_are_another_guest(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	stop_both(f);
	assert_true(front_start(f, FRONT_FEATURES & ~VIRTIO_NET_F_GUEST_CSUM, 64));
	rest(b);
	assert_int_equal(b->link->departed, 1);
	assert_int_equal(b->link->arrived, 2);
	assert_non_null(strstr(b->link->reason, "reset"));
	assert_false(b->link->sink.lim.csum);
	assert_works(b);
	/* The same ones again are not. */
	stop_both(f);
	assert_true(front_start(f, FRONT_FEATURES & ~VIRTIO_NET_F_GUEST_CSUM, 64));
	rest(b);
	assert_int_equal(b->link->departed, 1);
	assert_works(b);
}

static void
a_reset_device_begins_anew(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m = {.request = VHOST_USER_RESET_DEVICE};
	uint64_t v;

	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, 0);
	rest(b);
	assert_int_equal(b->link->departed, 1);
	/* Memory is not part of the device: QEMU sends only what has changed of it. */
	assert_int_equal(mappings("memfd:guest"), 2);
	assert_true(front_start(f, FRONT_FEATURES, 64));
	rest(b);
	assert_int_equal(b->link->arrived, 2);
	assert_works(b);
}

static void
a_driver_of_before_virtio_1_is_left_alone(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;

	open_link(b);
	front_connect(f, b->path);
	assert_true(front_start(f, FRONT_FEATURES & ~VIRTIO_F_VERSION_1, 64));
	rest(b);
	assert_int_equal(b->link->arrived, 0);
	assert_int_equal(b->logged, 1);
	assert_non_null(strstr(b->line, "virtio 1"));
	/* A boot loader, say: the kernel's driver is served. */
	stop_both(f);
	assert_true(front_start(f, FRONT_FEATURES, 64));
	rest(b);
	assert_int_equal(b->link->arrived, 1);
	assert_works(b);
}

/* --- memory ---------------------------------------------------------------------------------------- */

static void
the_memory_table_may_change_while_queues_run(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	for (int i = 0; i < 20; i++) {
		assert_true(front_say_memory(f));
		assert_works(b);
		assert_int_equal(mappings("memfd:guest"), 2);
	}
	assert_int_equal(b->link->departed, 0);
}

static void
regions_come_and_go(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m = {
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = front_region(f)};
	uint64_t v, step = 1 << 30;

	for (unsigned i = 1; i < VHOST_USER_REGIONS; i++) {
		m.region.guest += step;
		m.region.user += step;
		assert_true(front_ack(f, &m, &f->memfd, 1, &v));
		assert_int_equal(v, 0);
	}
	assert_int_equal(mappings("memfd:guest"), VHOST_USER_REGIONS + 1);
	assert_works(b);
	m.request = VHOST_USER_REM_MEM_REG;
	for (unsigned i = 1; i < VHOST_USER_REGIONS; i++) {
		/* With a descriptor, as some front ends do. */
		assert_true(front_ack(f, &m, &f->memfd, i % 2, &v));
		assert_int_equal(v, 0);
		m.region.guest -= step;
		m.region.user -= step;
	}
	assert_int_equal(mappings("memfd:guest"), 2);
	assert_works(b);
	/* The last one has the queues in it. */
	assert_true(front_ack(f, &m, NULL, 0, &v));
	rest(b);
	assert_int_equal(mappings("memfd:guest"), 1);
	assert_non_null(strstr(b->line, "queue"));
	front_hang_up(f);
	rest(b);
	assert_int_equal(open_descriptors(), b->fds);
}

static void
memory_that_may_shrink_is_warned_about_once(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	int unsealed = memfd_create("guest", MFD_CLOEXEC), sealed = f->memfd;

	open_link(b);
	front_connect(f, b->path);
	assert_int_equal(ftruncate(unsealed, (off_t)(FRONT_GUARD + FRONT_MEMORY)), 0);
	f->memfd = unsealed;
	assert_true(front_say_memory(f));
	assert_true(front_say_memory(f));
	rest(b);
	f->memfd = sealed;
	assert_int_equal(b->logged, 1);
	assert_non_null(strstr(b->line, "F_SEAL_SHRINK"));
	close(unsealed);
}

static void
regions_may_begin_and_end_anywhere_in_their_file(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	struct vhost_user_message m = {.request = VHOST_USER_SET_MEM_TABLE, .payload = VHOST_USER_MEMORY};
	const int fds[3] = {f->memfd, f->memfd, f->memfd};
	uint64_t v;

	m.memory.n = 3;
	m.memory.region[0] = (struct vhost_user_region){0, 1, 0x1000, 0};
	m.memory.region[1] = (struct vhost_user_region){0x10000, 5000, 0x10000, 4095};
	m.memory.region[2] = (struct vhost_user_region){0x20000, 1, 0x20000, FRONT_GUARD + FRONT_MEMORY - 1};
	open_link(b);
	front_connect(f, b->path);
	assert_true(front_negotiate(f, FRONT_FEATURES));
	assert_true(front_ack(f, &m, fds, 3, &v));
	assert_int_equal(v, 0);
	m.memory.n = 0; /* and none at all */
	assert_true(front_ack(f, &m, NULL, 0, &v));
	assert_int_equal(v, 0);
	assert_int_equal(mappings("memfd:guest"), 1);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_vmm_is_served_and_the_next),
	    T(without_a_guest_frames_are_lost_and_there_is_room),
	    T(a_vmm_that_never_ran_is_no_guest),
	    T(a_second_vmm_waits_its_turn),
	    T(one_off_ends_with_the_first),
	    T(a_listening_descriptor_that_is_shut_down_ends_with_its_vmm),
	    T(a_vmm_may_listen),
	    T(a_connected_descriptor_is_the_links),
	    T(a_listening_descriptor_serves_one_after_another),
	    T(the_path_goes_with_the_link),
	    T(what_cannot_be_opened_is_explained),
	    T(messages_may_come_in_pieces),
	    T(many_messages_are_taken_some_a_turn),
	    T(who_wants_an_acknowledgment_gets_one),
	    T(the_mtu_must_not_be_smaller),
	    T(the_configuration_space_is_offered_with_a_mac),
	    T(without_a_mac_the_configuration_space_is_the_vmms),
	    T(who_does_not_read_its_replies_is_left),
	    T(a_queue_runs_when_it_is_kicked_and_enabled),
	    T(without_protocol_features_a_kick_is_enough),
	    T(enabling_may_come_first),
	    T(a_stopped_queue_tells_where_it_is_and_goes_on_from_there),
	    T(the_driver_is_interrupted_once_when_its_queue_starts),
	    T(kicks_and_calls_may_change),
	    T(a_broken_queue_is_told_of_and_may_start_again),
	    T(other_features_are_another_guest),
	    T(a_reset_device_begins_anew),
	    T(a_driver_of_before_virtio_1_is_left_alone),
	    T(the_memory_table_may_change_while_queues_run),
	    T(regions_come_and_go),
	    T(memory_that_may_shrink_is_warned_about_once),
	    T(regions_may_begin_and_end_anywhere_in_their_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
