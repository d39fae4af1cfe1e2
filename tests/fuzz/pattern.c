/* pattern: what is compiled matches some text, behind a newline, in time. */
#include "fuzz.h"
#include "pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *text = (const char *)p;
	const char *nl = n ? memchr(text, '\n', n) : NULL;
	size_t len = nl ? (size_t)(nl - text) : n;
	struct span subject = nl ? (struct span){nl + 1, n - len - 1} :
	    SPAN_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	struct pattern *pattern;
	struct es_err err;

	if (pattern_compile((struct span){text, len}, &pattern, &err) < 0) {
		must(!pattern && err.text[0]);
		return 0;
	}
	must(strlen(pattern_source(pattern)) == len);
	if (pattern_match(pattern, subject))
		must(subject.n <= PATTERN_TEXT);
	pattern_free(pattern);
	return 0;
}
