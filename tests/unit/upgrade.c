/* An upgrade that is killed at each of its writes. */
#include "digest.h"
#include "storeunit.h"
#include "upgrade.h"

#define MESSAGES 300

/* The digest that a message has in a format, and what is stored of it. */
static void digests(struct store *s, int64_t position, int format,
    unsigned char want[DIGEST_BYTES], unsigned char stored[DIGEST_BYTES])
{
	const char *line = unit_get(s, position);
	struct span text = {line, strlen(line) - 1};	/* no newline */
	const unsigned char *salt, *identity;
	sqlite3_stmt *st;

	need(db_prepare(store_db(s), "select salt, identity, digest from "
	    "message where position = ?", &st, &err) == 0);
	sqlite3_bind_int64(st, 1, position);
	need(db_row(store_db(s), st, &err) > 0);
	salt = (const unsigned char *)db_text(st, 0).p;
	identity = (const unsigned char *)db_text(st, 1).p;
	if (format == 1)
		digest_message_1(salt, text, want);
	else
		digest_message(salt, text, identity, want);
	memcpy(stored, db_text(st, 2).p, DIGEST_BYTES);
	sqlite3_finalize(st);
}

/* A store as format 1 has it. */
static void make_old(void)
{
	unsigned char old[DIGEST_BYTES], stored[DIGEST_BYTES];
	struct store *s = unit_store();
	sqlite3_stmt *st;
	int64_t i;

	unit_catalog(s, "{'t':{'payload':{'a':{'type':'integer','default':7}}"
	    "}}");
	need(store_begin(s, &err) == 0);
	for (i = 0; i < MESSAGES; i++)
		need(unit_append(s, "{'type':'t'}", NULL) > 0);
	need(store_commit(s, &err) == 0);
	need(store_begin(s, &err) == 0);
	need(db_prepare(store_db(s), "update message set digest = ? where "
	    "position = ?", &st, &err) == 0);
	for (i = 1; i <= MESSAGES + 1; i++) {
		digests(s, i, 1, old, stored);
		db_bind_blob(st, 1, old, sizeof old);
		sqlite3_bind_int64(st, 2, i);
		need(db_done(store_db(s), st, &err) == 0);
	}
	sqlite3_finalize(st);
	need(db_exec(store_db(s), "drop table tag_block; drop table tag_run; "
	    "pragma user_version=1", &err) == 0);
	need(store_commit(s, &err) == 0);
	store_close(s);
}

/* The format, of which all digests have to be. */
static int check_format(void)
{
	unsigned char want[DIGEST_BYTES], stored[DIGEST_BYTES];
	struct store *s = unit_open(false);
	int64_t i, head = unit_head(s);
	int format = store_format(s), wrong = 0;

	check_int(head, MESSAGES + 1);
	for (i = 1; i <= head; i++) {
		digests(s, i, format, want, stored);
		wrong += memcmp(want, stored, DIGEST_BYTES) != 0;
	}
	check_int(wrong, 0);
	store_close(s);
	return format;
}

/* ---- killed ---- */

static int writes_left;

static ssize_t counted_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (writes_left-- > 0)
		return pwrite(fd, p, n, at);
	/* Half of it is on its way. */
	if (pwrite(fd, p, n / 2, at) >= 0)
		raise(SIGKILL);
	return -1;
}

/* Whether an upgrade that may write so often came to its end. */
static bool upgraded(int writes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct child c = child_fork();
	int status, from;

	if (c.pid == 0) {
		writes_left = writes;
		vfs->xSetSystemCall(vfs, "pwrite",
		    (sqlite3_syscall_ptr)counted_pwrite);
		vfs->xSetSystemCall(vfs, "pwrite64",
		    (sqlite3_syscall_ptr)counted_pwrite);
		check_int(upgrade_store(place_store, &from, &err), 0);
		child_exit();
	}
	need(waitpid(c.pid, &status, 0) == c.pid);
	close(c.to);
	close(c.from);
	check(WIFEXITED(status) ? WEXITSTATUS(status) == 0 :
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return WIFEXITED(status);
}

static void test_killed(void)
{
	int writes = 0, kills = 0, from;

	make_old();
	check_int(check_format(), 1);
	/* The last kills come after the commit, in a checkpoint. */
	while (!upgraded(writes) && check_format() == 1) {
		kills++;
		writes += 1 + writes / 4;
	}
	check(kills > 5);
	check_int(check_format(), STORE_FORMAT);
	check_int(upgrade_store(place_store, &from, &err), 0);
	check_int(from, STORE_FORMAT);
}

static void test_refused(void)
{
	struct store *s;
	int from, fds = place_fds();

	make_old();
	check_int(store_open(place_store, true, &s, &err), -1);
	check(strstr(err.text, "es-init") != NULL);
	check(!s);
	place_clean();
	check_int(upgrade_store(place_store, &from, &err), -1);
	check_int(err.code, ES_FAILED);
	check_int(place_size(""), -1);
	check_int(place_fds(), fds);
}

/* A reader that was there before it would miss what comes. */
static void test_reader(void)
{
	struct store *s;
	struct db *db;
	int64_t n;
	struct find *f;

	make_old();
	s = unit_open(false);
	need(find_open(s, &find_erasures, NULL, 0, &f, &err) == 0);
	check_int(find_count(f, &n, &err), 0);
	need(db_open(place_store, DB_WRITE, &db, NULL, &err) == 0);
	check_int(db_exec(db, "pragma user_version=3", &err), 0);
	check_int(find_more(f, &err), -1);
	check_int(err.code, ES_BUSY);
	check(strstr(err.text, "was upgraded to format 3") != NULL);
	find_close(f);
	store_close(s);
	db_close(db);
}

int main(void)
{
	place_make("upgrade");
	test_killed();
	test_refused();
	test_reader();
	place_remove();
	return unit_end();
}
