/* rfc3339: a time that is taken is the same when it is printed and read. */
#include "fuzz.h"
#include "rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf text = {0};
	int64_t micros, again;

	if (!rfc3339_parse((struct span){(const char *)p, n}, &micros))
		return 0;
	rfc3339_print(&text, micros);
	must(text.n == 27);
	must(rfc3339_parse(buf_span(&text), &again));
	must(again == micros);
	buf_free(&text);
	return 0;
}
