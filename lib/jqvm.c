#include <string.h>
#include <unistd.h>

#include "jqvm.h"

/* ---- compiling ---- */

/* "… at <top-level>, line 12:" or "…, line 12, column 5:" */
static const char *find_line(const char *text, size_t n, size_t *line)
{
	static const char mark[] = " at <top-level>, line ";
	const char *p = memmem(text, n, mark, sizeof mark - 1);

	*line = 0;
	if (p)
		*line = strtoul(p + sizeof mark - 1, NULL, 10);
	return p;
}

static void compile_error(void *ctx, jv message)
{
	static const char quoting[] = " (Unix shell quoting issues?)";
	static const char prefix[] = "jq: error: ";
	struct jqvm *vm = ctx;
	jv text = jq_format_error(message);
	const char *p = jv_string_value(text), *at, *q;
	size_t n = strcspn(p, "\n"), line;

	if (n > sizeof prefix && memcmp(p, prefix, sizeof prefix - 1) == 0) {
		p += sizeof prefix - 1;
		n -= sizeof prefix - 1;
	} else if (strstr(p, "compile error")) {
		jv_free(text);		/* how many there were */
		return;
	}
	at = find_line(p, n, &line);
	if (at)
		n = (size_t)(at - p);
	if (line > vm->program->lines || line == 0)
		line = vm->program->lines;
	if (vm->errors->n > 0)
		buf_addc(vm->errors, '\n');
	buf_addf(vm->errors, "%s:%zu: ", vm->program->file, line);
	q = memmem(p, n, quoting, sizeof quoting - 1);
	if (q) {
		buf_add(vm->errors, p, (size_t)(q - p));
		n -= (size_t)(q - p) + sizeof quoting - 1;
		p = q + sizeof quoting - 1;
	}
	buf_add(vm->errors, p, n);
	jv_free(text);
}

static jv next_input(jq_state *jq, void *ctx)
{
	struct jqvm *vm = ctx;

	(void)jq;
	if (vm->next_input == vm->n_inputs)
		return jv_invalid_with_msg(jv_string("no input"));
	return vm->inputs[vm->next_input++];
}

/* debug is the one way to talk to whoever writes a handler. */
static void debug(void *ctx, jv message)
{
	jv text = jv_dump_string(JV_ARRAY(jv_string("DEBUG:"), message), 0);
	struct buf line = {0};
	ssize_t n;

	buf_add(&line, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)));
	buf_addc(&line, '\n');
	n = write(*(const int *)ctx, line.p, line.n);
	(void)n;
	buf_free(&line);
	jv_free(text);
}

struct jqvm *jqvm_new(const struct jqprogram *program)
{
	struct jqvm *vm = calloc(1, sizeof *vm);
	size_t i;

	if (!vm)
		return NULL;
	vm->program = program;
	for (i = 0; i < JQRUN_SLOTS; i++)
		vm->slots[i] = jv_invalid();
	for (i = 0; i < JQVM_KEYS; i++)
		vm->keys[i] = jv_invalid();
	for (i = 0; i < JQVM_KEPT; i++)
		vm->kept[i].value = jv_invalid();
	vm->jq = jq_init();
	if (!vm->jq)
		return NULL;
	/* jq 1.6 leaves the callbacks uninitialised. */
	jq_set_error_cb(vm->jq, compile_error, vm);
	jq_set_input_cb(vm->jq, next_input, vm);
	jq_set_debug_cb(vm->jq, debug, jqworker_stderr());
	jq_set_nomem_handler(vm->jq, jqworker_no_memory, NULL);
	jq_set_attr(vm->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	return vm;
}

int jqvm_compile(struct jqvm *vm, struct buf *errors)
{
	int ok;

	vm->errors = errors;
	ok = jq_compile(vm->jq, vm->program->text.p);
	vm->errors = NULL;
	if (!ok && errors->n == 0)
		buf_addf(errors, "%s: cannot be compiled", vm->program->file);
	return ok ? 0 : -1;
}

void jqvm_halt(struct jqvm *vm)
{
	if (!jq_halted(vm->jq))
		jq_halt(vm->jq, jv_invalid(), jv_invalid());
}

void jqvm_start(struct jqvm *vm, enum jq_operation op, jv input, jv message)
{
	static const int asked[] = {[OP_EVOLVE] = 0, [OP_DECIDE] = 1,
	    [OP_REACT] = 2, [OP_INITIAL] = 3, [OP_ABOUT] = 4, [OP_RENDER] = 5,
	    [OP_LAYOUT] = 6};
	size_t lo = 0, hi = vm->program->n_parts;
	int i, k = 0, n = asked[op];

	while (vm->next_input < vm->n_inputs)
		jv_free(vm->inputs[vm->next_input++]);
	while (hi - lo > 1)
		vm->inputs[k++] = jqprogram_choice(vm->index, &lo, &hi) ?
		    jv_true() : jv_false();
	for (i = 0; i < n; i++)
		vm->inputs[k++] = jv_false();
	vm->inputs[k++] = jv_true();
	if (op == OP_INITIAL || op == OP_ABOUT || op == OP_LAYOUT)
		jv_free(message);
	else
		vm->inputs[k++] = message;
	vm->n_inputs = k;
	vm->next_input = 0;
	jq_start(vm->jq, input, 0);
}

