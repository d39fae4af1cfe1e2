#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "sys.h"

#define EVERY_MS 100
#define BAR 30			/* columns */
#define CLEAR "\r\033[K"

void cli_progress_begin(struct cli_progress *p, const struct cli *c)
{
	const char *term = getenv("TERM");

	*p = (struct cli_progress){.on = !c->quiet && isatty(STDERR_FILENO) &&
	    !(term && strcmp(term, "dumb") == 0)};
	/* What is done at once shows nothing. */
	p->drawn = sys_monotonic();
}

static void draw(struct cli_progress *p, const char *what, int64_t done,
    int64_t total)
{
	static const char full[] = "##############################";
	char line[160];
	int n, percent;

	_Static_assert(sizeof full == BAR + 1, "the bar has BAR columns");
	if (done > total)
		done = total;
	percent = total > 0 ? (int)((double)done / (double)total * 100) : 0;
	n = total > 0 ? snprintf(line, sizeof line, CLEAR "%.40s [%-*.*s] "
	    "%3d%%", what, BAR, percent * BAR / 100, full, percent) :
	    done > 0 ? snprintf(line, sizeof line, CLEAR "%.40s %" PRId64,
	    what, done) : snprintf(line, sizeof line, CLEAR "%.40s", what);
	/* Nobody waits for it, so a failure is nobody's. */
	if (write(STDERR_FILENO, line, (size_t)n) == n)
		p->shown = true;
}

void cli_progress(struct cli_progress *p, const char *what, int64_t done,
    int64_t total)
{
	int64_t now;

	if (!p->on)
		return;
	now = sys_monotonic();
	if (now - p->drawn < EVERY_MS)
		return;
	p->drawn = now;
	draw(p, what, done, total);
}

void cli_progress_clear(struct cli_progress *p)
{
	if (p->shown && write(STDERR_FILENO, CLEAR, sizeof CLEAR - 1) < 0)
		p->on = false;
	p->shown = false;
}
