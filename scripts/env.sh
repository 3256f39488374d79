# Sourced by scripts/run, scripts/test and .ci/run: $venv holds this clone with the extras and groups asked for; made
# or mended when needed. ROOFTILE_VENV names another folder for it, PYTHON another interpreter.

# Byte code is kept, whatever the shell says: without it each of the many processes of a test compiles all sources anew.
unset PYTHONDONTWRITEBYTECODE

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${ROOFTILE_VENV:-$here/.venv}

prepare() { # prepare EXTRAS GROUP: for example  prepare "" ""   or   prepare "" test
  local stamp=$venv/.rooftile-$1-$2 want
  want=$(cksum <"$here/pyproject.toml")
  # A stamp of an interpreter that is gone is worth nothing: the link to it dangles.
  [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want $here" ] && return
  local python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "scripts: needs Python 3.11 or newer; set PYTHON=... to choose one" >&2; exit 2; }
  echo "Setting up $venv (once, under a minute)..." >&2
  local what="$here${1:+[$1]}"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" >&2 ||
    { rm -rf "$venv"; echo "scripts: $python cannot make an environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 2; }
  local pip=("$venv/bin/python" -m pip install -q --disable-pip-version-check)
  { "${pip[@]}" "pip>=25.1" && "${pip[@]}" -e "$what" ${2:+--group "$here/pyproject.toml:$2"}; } >"$venv/setup.log" 2>&1 ||
    { tail -5 "$venv/setup.log" >&2; echo "scripts: set-up failed; all of it is in $venv/setup.log" >&2; exit 2; }
  echo "$want $here" >"$stamp"
}
