# Sourced by scripts/run, scripts/test and .ci/run: $venv holds this clone with the extras and groups asked for; made
# or mended when needed. ROOFTILE_VENV names another folder for it, PYTHON another interpreter.

# Byte code is kept, whatever the shell says: without it each of the many processes of a test compiles all sources anew.
unset PYTHONDONTWRITEBYTECODE

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${ROOFTILE_VENV:-$here/.venv}

# One call for several groups finds versions once. Byte code is made of what is imported, not of all that lies there.
prepare() { # prepare EXTRAS GROUP...: for example  prepare "" ""   or   prepare charts,sweep test lint
  local extras=$1 group want ready=yes
  shift
  want="$(cksum <"$here/pyproject.toml") $here"
  # A stamp of an interpreter that is gone is worth nothing: the link to it dangles.
  [ -x "$venv/bin/python" ] || ready=
  for group; do [ "$(cat "$venv/.rooftile-$extras-$group" 2>/dev/null)" = "$want" ] || ready=; done
  [ -z "$ready" ] || return 0
  local python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "scripts: needs Python 3.11 or newer; set PYTHON=... to choose one" >&2; exit 2; }
  echo "Setting up $venv (once, under a minute)..." >&2
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" >&2 ||
    { rm -rf "$venv"; echo "scripts: $python cannot make an environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 2; }
  local what=(-e "$here${extras:+[$extras]}") pip=("$venv/bin/python" -m pip install -q --disable-pip-version-check --no-compile)
  for group; do [ -z "$group" ] || what+=(--group "$here/pyproject.toml:$group"); done
  { "${pip[@]}" "pip>=25.1" && "${pip[@]}" "${what[@]}"; } >"$venv/setup.log" 2>&1 ||
    { tail -5 "$venv/setup.log" >&2; echo "scripts: set-up failed; all of it is in $venv/setup.log" >&2; exit 2; }
  for group; do echo "$want" | tee "$venv/.rooftile-$extras-$group" >"$venv/.rooftile--$group"; done
}
