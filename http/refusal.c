#include "http/request.h"

size_t
request_refusal(const struct request_answer *a, struct view accept, bool close, bool no_body, char *to,
		size_t size)
{
	(void)a, (void)accept, (void)close, (void)no_body, (void)to, (void)size;
	return 0;
}

size_t
request_refusal_body(const struct request_answer *a, struct view accept, const char **type, char *to,
		     size_t size)
{
	(void)a, (void)accept, (void)type, (void)to, (void)size;
	return 0;
}
