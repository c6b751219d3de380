#include "http/request.h"

bool
request_path(struct view target, char *to, size_t size)
{
	(void)target;
	(void)to;
	(void)size;
	return false;
}
