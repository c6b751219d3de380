/*
 * h2_fields.c - a list of header fields, bounded
 */
#include "http/h2.h"

#define FIELD_OVERHEAD 32u /* RFC 9113 6.5.2 */

static bool
more_fields(struct h2_heap *h, struct h2_fields *f)
{
	uint32_t room = f->room ? 2 * f->room : 16;
	struct h2_field *field = h2_get(h, room * sizeof(*field));

	if (!field)
		return false;
	if (f->n)
		memcpy(field, f->field, f->n * sizeof(*field));
	h2_put(h, f->field);
	f->field = field;
	f->room = room;
	return true;
}

static bool
more_text(struct h2_heap *h, struct h2_fields *f, size_t n)
{
	size_t room = f->text_room ? f->text_room : 512;

	while (room < f->used + n)
		room *= 2;

	uint8_t *text = h2_get(h, room);
	if (!text)
		return false;
	if (f->used)
		memcpy(text, f->text, f->used);
	h2_put(h, f->text);
	f->text = text;
	f->text_room = (uint32_t)room;
	return true;
}

bool
h2_fields_add(struct h2_heap *h, struct h2_fields *f, struct view name, struct view value, bool never)
{
	if (f->over)
		return true;
	if (f->n >= H2_FIELDS || name.len > H2_FIELD_BYTES || value.len > H2_FIELD_BYTES ||
	    f->size + name.len + value.len + FIELD_OVERHEAD > H2_FIELD_BYTES) {
		f->over = true;
		return true;
	}
	if (f->n == f->room && !more_fields(h, f))
		return false;
	if (f->text_room - f->used < name.len + value.len && !more_text(h, f, name.len + value.len))
		return false;
	f->field[f->n++] = (struct h2_field){
	    .at = f->used, .name = (uint32_t)name.len, .value = (uint32_t)value.len, .never = never};
	if (name.len)
		memcpy(f->text + f->used, name.p, name.len);
	if (value.len)
		memcpy(f->text + f->used + name.len, value.p, value.len);
	f->used += (uint32_t)(name.len + value.len);
	f->size += (uint32_t)(name.len + value.len) + FIELD_OVERHEAD;
	return true;
}

void
h2_fields_clear(struct h2_heap *h, struct h2_fields *f)
{
	h2_put(h, f->field);
	h2_put(h, f->text);
	*f = (struct h2_fields){.n = 0};
}

struct view
h2_fields_name(const struct h2_fields *f, uint32_t i)
{
	return view_of(f->text + f->field[i].at, f->field[i].name);
}

struct view
h2_fields_value(const struct h2_fields *f, uint32_t i)
{
	return view_of(f->text + f->field[i].at + f->field[i].name, f->field[i].value);
}

bool
h2_is(struct view v, const char *text)
{
	return v.len == strlen(text) && memcmp(v.p, text, v.len) == 0;
}

struct view
h2_text(const char *text)
{
	return view_of(text, strlen(text));
}

bool
h2_fields_find(const struct h2_fields *f, const char *name, struct view *value)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (h2_is(h2_fields_name(f, i), name)) {
			*value = h2_fields_value(f, i);
			return true;
		}
	}
	*value = view_of(NULL, 0);
	return false;
}

nghttp2_nv *
h2_fields_nva(struct h2_heap *h, const struct h2_fields *f)
{
	nghttp2_nv *nva = h2_get(h, (f->n + 1) * sizeof(*nva));

	if (!nva)
		return NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		/* The library copies them, whatever its pointers look like. */
		nva[i].name = f->text + f->field[i].at;
		nva[i].namelen = f->field[i].name;
		nva[i].value = nva[i].name + f->field[i].name;
		nva[i].valuelen = f->field[i].value;
		nva[i].flags = f->field[i].never ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
	}
	return nva;
}
