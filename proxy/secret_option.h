/*
 * secret_option.h - a secret as a person types it; its value is never among the words
 *
 *     NAME=SOURCE@HOST[,HOST...][;in=headers,basic,query,body][;leak=block|log|terminate|pass][;pass=HOST,...]
 *         [;plain][;placeholder=TEXT][;redact=headers,body|none]
 *
 * SOURCE is one of secret_source.h, up to the last '@': a command may have ';' and '@' in it.
 */
#ifndef PROXY_SECRET_OPTION_H
#define PROXY_SECRET_OPTION_H

#include "proxy/config.h"

/* All zero: nothing.  What points anywhere points into `text` or the lists, which it owns. */
struct secret_option {
	char *text;
	const char *source;
	const char **hosts, **pass_hosts;
	struct sluice_secret secret; /* but for the value */
};

/*
 * False, a sentence and an empty option: it cannot be read, or is no secret whatever its value.  The caller frees.
 */
bool secret_option_parse(const char *text, struct secret_option *out, char *why, size_t size);
void secret_option_free(struct secret_option *o);

#endif
