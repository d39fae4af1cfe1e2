/*
 * message: a line that is taken, printed as it would be stored, is taken
 * again and is the same message.
 */
#include "fuzz.h"
#include "message.h"

static void same(struct span a, struct span b)
{
	must(a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0));
}

static struct span or(struct span s, const char *what)
{
	return s.p ? s : span_str(what);
}

static void store(const struct draft *d, struct message *m)
{
	*m = (struct message){.position = 1, .id = or(d->id, "i"),
	    .kind = d->kind ? d->kind : KIND_EVENT, .type = d->type,
	    .version = d->version ? d->version : 1, .tags = d->tags,
	    .payload = or(d->payload, "{}"), .metadata = or(d->metadata, "{}"),
	    .stored_at = 1};
	m->causation_id = or(d->causation_id, "i");
	m->correlation_id = or(d->correlation_id, "i");
	m->created_at = or(d->created_at, "2026-01-01T00:00:00.000000Z");
}

static void check_keys(const struct message *m)
{
	struct keys keys = {0};

	if (message_keys(m->tags, m->payload, NULL, NULL, &keys, NULL) == 0) {
		must(keys.n <= KEYS_MAX);
		for (size_t i = 1; i < keys.n; i++)
			must(span_cmp(keys.v[i - 1].text, keys.v[i].text) < 0);
	}
	keys_free(&keys);
}

static void check_again(const struct message *m)
{
	struct message_scratch scratch = {0};
	struct buf line = {0}, twice = {0};
	struct message again;
	struct draft d;

	message_print(&line, m);
	must(line.n > 0 && line.p[line.n - 1] == '\n');
	must(!memchr(line.p, '\n', line.n - 1));
	if (line.n - 1 > MESSAGE_LINE_MAX)
		goto out;
	must(message_parse(&scratch, line.p, line.n - 1, MESSAGE_STORED, &d,
	    NULL) == 0);
	same(d.id, m->id);
	same(d.type, m->type);
	same(d.tags, m->tags);
	same(d.payload, m->payload);
	same(d.metadata, m->metadata);
	same(d.causation_id, m->causation_id);
	same(d.correlation_id, m->correlation_id);
	same(d.created_at, m->created_at);
	must(d.kind == m->kind && d.version == m->version);
	must(message_parse_stored(&scratch, line.p, line.n - 1, &again,
	    NULL) == 0);
	must(again.position == m->position);
	must(again.stored_at == m->stored_at);
	message_print(&twice, &again);
	must(span_eq(buf_span(&line), buf_span(&twice)));
out:
	message_scratch_free(&scratch);
	buf_free(&line);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct message_scratch scratch = {0};
	const char *line = (const char *)p;
	struct buf pretty = {0}, stored = {0};
	struct es_err err;
	struct message m;
	struct draft d;

	/* It would be two lines. */
	if (n && memchr(line, '\n', n))
		return 0;
	if (message_parse(&scratch, line, n, 0, &d, &err) == 0) {
		store(&d, &m);
		check_keys(&m);
		check_again(&m);
		/* A position in the input is ignored, whatever it is. */
		message_print(&stored, &m);
		must(message_parse_stored(&scratch, stored.p, stored.n - 1,
		    &m, &err) == 0);
		message_print_pretty(&pretty, &m, true, 72);
	} else {
		must(err.text[0] && !strchr(err.text, '\n'));
		(void)message_parse(&scratch, line, n, MESSAGE_STORED, &d,
		    &err);
		(void)message_parse_stored(&scratch, line, n, &m, &err);
	}
	message_scratch_free(&scratch);
	buf_free(&pretty);
	buf_free(&stored);
	return 0;
}
