#include <string.h>

#include "rfc3339.h"

static bool number(const char *p, int n, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return true;
}

/* Inline: a division by what is known is a multiplication. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t days_from_civil(int y, int m, int d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = floor_div(y, 400);
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = floor_div(z, 146097);
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static int month_days(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
	    31};

	if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
		return 29;
	return days[m - 1];
}

/* ".123456…": microseconds; moves *p behind it. */
static bool fraction(const char **p, const char *end, int *micros)
{
	int unit = 100000;

	*micros = 0;
	if (*p == end || **p != '.')
		return true;
	++*p;
	if (*p == end || **p < '0' || **p > '9')
		return false;
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		*micros += (**p - '0') * unit;
		unit /= 10;
	}
	return true;
}

/* "Z" or "+HH:MM": minutes east of UTC; it has to end the text. */
static bool offset(const char *p, const char *end, int *minutes)
{
	int h, m;

	*minutes = 0;
	if (end - p == 1)
		return *p == 'Z' || *p == 'z';
	if (end - p != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':' ||
	    !number(p + 1, 2, &h) || !number(p + 4, 2, &m) || h > 23 || m > 59)
		return false;
	*minutes = (h * 60 + m) * (p[0] == '-' ? -1 : 1);
	return true;
}

/* What can be printed in UTC: years 0001 to 9999, in seconds. */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND INT64_C(253402300799)

bool rfc3339_parse(struct span text, int64_t *micros)
{
	const char *p = text.p, *end = text.n ? text.p + text.n : p;
	int y, mo, d, h, mi, s, us, east;
	int64_t t;

	if (text.n < 20 || p[4] != '-' || p[7] != '-' ||
	    (p[10] != 'T' && p[10] != 't') || p[13] != ':' || p[16] != ':' ||
	    !number(p, 4, &y) || !number(p + 5, 2, &mo) ||
	    !number(p + 8, 2, &d) || !number(p + 11, 2, &h) ||
	    !number(p + 14, 2, &mi) || !number(p + 17, 2, &s))
		return false;
	p += 19;
	if (!fraction(&p, end, &us) || !offset(p, end, &east))
		return false;
	if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) ||
	    h > 23 || mi > 59 || s > 60)
		return false;
	t = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi - east) * 60 + s;
	if ((s == 60 && t % 86400 != 0) || t < FIRST_SECOND || t > LAST_SECOND)
		return false;
	if (micros)
		*micros = t * 1000000 + us;
	return true;
}

/* Two digits; v < 100. */
static char *put2(char *p, unsigned v)
{
	p[0] = (char)('0' + v / 10);
	p[1] = (char)('0' + v % 10);
	return p + 2;
}

static void put_day(char *p, int64_t day)
{
	int y, m, d;

	civil_from_days(day, &y, &m, &d);
	p = put2(put2(p, (unsigned)y / 100 % 100), (unsigned)y % 100);
	*p++ = '-';
	p = put2(p, (unsigned)m);
	*p++ = '-';
	put2(p, (unsigned)d);
}

char *rfc3339_put(char *p, int64_t micros)
{
	/* Times come in order: most are of the same day as the last one. */
	static _Thread_local int64_t last = INT64_MIN;
	static _Thread_local char date[10];
	int64_t second = floor_div(micros, 1000000);
	int64_t day = floor_div(second, 86400);
	unsigned rest = (unsigned)(second - day * 86400);
	unsigned fraction = (unsigned)(micros - second * 1000000);

	if (day != last)
		put_day(date, last = day);
	memcpy(p, date, sizeof date);
	p += sizeof date;
	*p++ = 'T';
	p = put2(p, rest / 3600);
	*p++ = ':';
	p = put2(p, rest / 60 % 60);
	*p++ = ':';
	p = put2(p, rest % 60);
	*p++ = '.';
	p = put2(p, fraction / 10000);
	p = put2(p, fraction / 100 % 100);
	p = put2(p, fraction % 100);
	*p++ = 'Z';
	return p;
}

void rfc3339_print(struct buf *out, int64_t micros)
{
	char text[RFC3339_BYTES];

	rfc3339_put(text, micros);
	buf_add(out, text, sizeof text);
}
