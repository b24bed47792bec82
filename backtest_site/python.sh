# Finds a Python for ./run and ./test, which read this file. Works in bash 3.2.

# Prints the first Python 3.11 or newer; PYTHON names one that goes before all others.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 /opt/homebrew/bin/python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$candidate cannot make environments: install its venv part (on Debian and Ubuntu: apt-get install python3-venv) and start again." >&2
      return 1
    fi
  done
  echo "Python 3.11 or newer is needed and $(python3 --version 2>/dev/null || echo 'no python3') was found: install one (https://www.python.org/downloads/) or name it with PYTHON=/path/to/python3." >&2
  return 1
}
