# shellcheck shell=bash
#
# The words of these tests, handler, given, when and then, are a library that is
# installed with es: es-bats(7).

_es=$(command -v es-decide) && _es=$(readlink -f "$_es")
for _es in "${_es%/*}/../share/es/es.bash" \
    "$BATS_TEST_DIRNAME"/../../es.bash "$BATS_TEST_DIRNAME"/../../../es.bash \
    /usr/local/share/es/es.bash /usr/share/es/es.bash; do
    if [ -e "$_es" ]; then
        # shellcheck source=/dev/null
        source "$_es"
        return
    fi
done
echo "There is no es-decide: es is not installed, or not in PATH" >&2
return 1
