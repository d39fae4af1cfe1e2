/* Who sent it: the session's cookie, and the token of /events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "webint.h"

static bool is_hex(struct span s, size_t n)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
		    (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.n == n;
}

static int random_hex(char *out, size_t bytes, struct es_err *err)
{
	unsigned char random[32];
	struct buf hex = {0};

	if (hash_random(random, bytes, err) < 0)
		return -1;
	hash_hex(&hex, random, bytes);
	if (buf_check(&hex, err) < 0)
		return -1;
	memcpy(out, hex.p, 2 * bytes + 1);
	buf_free(&hex);
	return 0;
}

/* A cookie's value out of "a=1; b=2" (RFC 6265, 4.2). */
static bool find_cookie(struct request *r, const char *name, struct buf *out)
{
	const char *p = web_header(r, "Cookie");
	size_t n = strlen(name);

	while (p && *p) {
		p += strspn(p, " ;");
		if (strncmp(p, name, n) == 0 && p[n] == '=') {
			p += n + 1;
			buf_truncate(out, 0);
			buf_add(out, p, strcspn(p, "; "));
			return !out->failed;
		}
		p += strcspn(p, ";");
	}
	return false;
}

void web_session(struct request *r)
{
	struct buf value = {0};

	if (r->session[0])
		return;
	if (find_cookie(r, "es_session", &value) &&
	    is_hex(buf_span(&value), SESSION_TEXT - 1))
		memcpy(r->session, value.p, SESSION_TEXT);
	else
		r->new_session = random_hex(r->session,
		    (SESSION_TEXT - 1) / 2, NULL) == 0;
	buf_free(&value);
}

/* The log has this of a session, never the cookie. */
void web_session_hash(const char *session, char out[65])
{
	struct hash_sha256 h;
	unsigned char sum[32];
	size_t i;

	hash_sha256_init(&h);
	hash_sha256_add(&h, "es-session:", 11);
	hash_sha256_add(&h, session, strlen(session));
	hash_sha256_end(&h, sum);
	for (i = 0; i < sizeof sum; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* ---- the token: who may read this file may read the log ---- */

static int read_token(struct web *w, const char *path, struct es_err *err)
{
	struct buf text = {0};
	int r;

	if (access(path, F_OK) < 0)
		return 0;
	r = sys_read_file(path, 256, &text, err);
	while (r == 0 && text.n && text.p[text.n - 1] == '\n')
		buf_truncate(&text, text.n - 1);
	if (r == 0 && is_hex(buf_span(&text), TOKEN_TEXT - 1)) {
		memcpy(w->token, text.p, TOKEN_TEXT);
		r = 1;
	} else if (r == 0) {
		r = es_fail(err, ES_FAILED, "%s: not a token: remove it",
		    path);
	}
	buf_free(&text);
	return r;
}

/* Under another name until it is whole; who comes later does not replace it. */
static int put_token(const char *path, const char *part, struct span text,
    struct es_err *err)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return es_fail_errno(err, "%s", part);
	n = write(fd, text.p, text.n);
	if (n >= 0 && (size_t)n != text.n)
		errno = ENOSPC;
	if (n < 0 || (size_t)n != text.n || fsync(fd) < 0) {
		es_fail_errno(err, "%s", part);
		close(fd);
		return -1;
	}
	if (close(fd) < 0 || (link(part, path) < 0 && errno != EEXIST))
		return es_fail_errno(err, "%s", path);
	return 0;
}

static int write_token(const char *path, struct es_err *err)
{
	char text[TOKEN_TEXT + 1];
	struct buf part = {0};
	int r;

	if (random_hex(text, (TOKEN_TEXT - 1) / 2, err) < 0)
		return -1;
	text[TOKEN_TEXT - 1] = '\n';
	buf_addf(&part, "%s.%ld", path, (long)getpid());
	if (buf_check(&part, err) < 0)
		return -1;
	r = put_token(path, part.p, (struct span){text, TOKEN_TEXT}, err);
	unlink(part.p);
	buf_free(&part);
	return r;
}

int web_make_token(struct web *w, struct es_err *err)
{
	struct buf path = {0};
	int r;

	buf_addf(&path, "%s-token", w->store_path);
	r = buf_check(&path, err);
	if (r == 0)
		r = read_token(w, path.p, err);
	if (r == 0)
		r = write_token(path.p, err) < 0 ? -1 :
		    read_token(w, path.p, err);
	buf_free(&path);
	return r < 0 ? -1 : 0;
}

/* Compared in a time that does not tell how much is right. */
bool web_is_token(const struct web *w, struct span given)
{
	unsigned char differs = given.n != TOKEN_TEXT - 1;
	size_t i;

	for (i = 0; i < given.n && i < TOKEN_TEXT - 1; i++)
		differs |= (unsigned char)(given.p[i] ^ w->token[i]);
	return !differs;
}

bool web_has_token(struct request *r)
{
	const char *header = web_header(r, "Authorization");
	struct buf value = {0};
	bool has;

	if (header && strncasecmp(header, "Bearer ", 7) == 0)
		return web_is_token(r->web, span_str(header + 7));
	has = find_cookie(r, "es_token", &value) &&
	    web_is_token(r->web, buf_span(&value));
	buf_free(&value);
	return has;
}
