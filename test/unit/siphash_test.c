/*
 * siphash_test.c - SipHash-2-4 against the values its authors published for key 00..0f, input 00 01 02 ...
 */
#include "stack/siphash.h"

#include "test/unit/wire_kit.h"

static void
published_values(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
	    {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
	    {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5},
	    {63, 0x958a324ceb064572},
	};
	uint8_t key[SIPHASH_KEY], in[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	memcpy(key, in, sizeof(key));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *block = kit_exact(in, rows[i].len);

		assert_true(siphash(key, block, rows[i].len) == rows[i].hash);
		free(block);
	}
	key[15] ^= 1;
	assert_false(siphash(key, in, 15) == rows[5].hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(published_values)};

	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
