/* vhost_user_wire.c - proves: link/vhost_user_wire.c */
#include "link/vhost_user_wire.h"
#include "kit.h"

int
main(void)
{
	struct rd head = any_reader();
	struct wr w = any_room(2 * VHOST_USER_MESSAGE_MAX);
	static struct vhost_user_message m;
	struct vhost_user_header h;
	char why[128];

	if (!vhost_user_parse_header(&head, &h) || !vhost_user_judge_header(&h, why, sizeof(why)))
		return 0;
	if (vhost_user_parse(&h, any_input(), &m)) {
		//@ check regions: m.payload == VHOST_USER_MEMORY ==> m.memory.n <= VHOST_USER_REGIONS;
		vhost_user_emit(&w, &m);
	}
	return 0;
}
