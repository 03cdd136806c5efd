# shellcheck shell=bash
# What the tests and checks need besides Rust: how each tool is found, and how it is brought when it is
# missing. Sourced by tests/run and .ci/run, from the root of the repository.
# A further tool is a line in `tools` and two functions: has_TOOL and bring_TOOL.

# TOOL|the test file that needs it, or * for all of them|why
# shellcheck disable=SC2034 # tests/run reads it.
tools=(
    "nextest|*|cargo-nextest, which runs the tests"
    "node|page|Node.js 20 or newer, which runs the tests of the page's modules"
    "chromium|dashboard|Chromium, in which the page is tested"
)

NEXTEST=0.9.148
DENY=0.20.2
# Tools that are no system package go here: no file of the user's is touched. At the end of PATH, because
# a Python environment lies there, too.
TOOLS=target/tools
PATH="$PATH:$PWD/$TOOLS/bin"

# Whether root may be used without a further question.
consent=no

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "tests/run: $*"
    exit 1
}

is_ci() { case "${CI:-}" in "" | 0 | false) return 1 ;; esac; }

# Runs a shell command as root: at once in CI, and where there is root already and no terminal to ask at;
# otherwise after a yes.
as_root() { # WHAT COMMAND
    local what=$1 command=$2 answer
    local -a sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "$what takes root, and there is no sudo. As root, run: $command"
        sudo=(sudo)
        # Nobody is there to type a password.
        if is_ci || ! [ -t 0 ]; then sudo=(sudo -n); fi
    fi
    if [ "$consent" = no ] && ! is_ci; then
        if [ -t 0 ]; then
            say "$what takes root: $command"
            read -r -p "Run this as root? [y/N] " answer || answer=""
            case "$answer" in
                [yY] | [yY][eE][sS]) consent=yes ;;
                *) fail "not run; run it as root yourself, then tests/run again" ;;
            esac
        elif [ "$(id -u)" != 0 ]; then
            fail "$what takes root, and there is no terminal to ask at: pass --yes, or run as root: $command"
        fi
    fi
    say "as root: $command"
    "${sudo[@]+"${sudo[@]}"}" sh -c "$command" </dev/null >&2 \
        || fail "$what failed, for the reason above; run as root, once that is mended: $command"
}

# A finished program from PyPI saves minutes of compiling; where that cannot be had, for want of Python, of
# the network or of a wheel for this machine, it is compiled from crates.io.
bring_cargo_tool() { # NAME VERSION
    if command -v python3 >/dev/null && python3 -m venv "$TOOLS" >/dev/null 2>&1 \
        && "$TOOLS/bin/pip" install --quiet --retries 1 "astral-dev-toolchain-$1==$2" >/dev/null 2>&1 \
        && "$TOOLS/bin/$1" --version >/dev/null 2>&1; then
        say "$1 $2 from PyPI is in $TOOLS"
        return
    fi
    say "PyPI gives no $1 for this machine: compiling it from crates.io into $TOOLS takes some minutes"
    cargo install "$1" --locked --force --version "$2" --root "$TOOLS" >&2 \
        || fail "$1 could not be compiled, for the reason above; by hand: cargo install $1 --locked"
}

has_nextest() { command -v cargo-nextest >/dev/null; }
bring_nextest() { bring_cargo_tool cargo-nextest "$NEXTEST"; }

has_deny() { command -v cargo-deny >/dev/null; }
bring_deny() { bring_cargo_tool cargo-deny "$DENY"; }

has_node() { [[ "$(node --version 2>/dev/null)" =~ ^v([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 20 ]; }
bring_node() {
    local by_hand="install Node.js 20 or newer (https://nodejs.org); tests/run NAME runs what needs none"
    command -v apt-get >/dev/null || fail "Node.js 20 is missing, and this system has no apt-get: $by_hand"
    as_root "installing the package nodejs" \
        'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y nodejs'
    has_node || fail "the package nodejs of this system is older than 20: $by_hand"
}

# The same programs as in tests/src/browser.rs.
chromium_program() {
    if [ -n "${CAIRN_CHROMIUM:-}" ]; then
        command -v "$CAIRN_CHROMIUM" || fail "CAIRN_CHROMIUM names \"$CAIRN_CHROMIUM\", which is no program"
    else
        local name
        for name in chromium chromium-browser google-chrome; do
            # With an answer, for Ubuntu has a package that only names another way to install it.
            if command -v "$name" >/dev/null && "$name" --version >/dev/null 2>&1; then
                command -v "$name"
                return
            fi
        done
        return 1
    fi
}
has_chromium() { chromium_program >/dev/null; }
bring_chromium() {
    local by_hand="install Chromium or Google Chrome (as chromium, chromium-browser or google-chrome in PATH), \
or name the program in CAIRN_CHROMIUM; tests/run NAME runs what needs no browser"
    command -v apt-get >/dev/null || fail "Chromium is missing, and this system has no apt-get: $by_hand"
    as_root "installing the package chromium" \
        'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium'
    has_chromium || fail "the package chromium of this system brings no browser that starts: $by_hand"
}

# Brings one tool of the table unless it is there; says which and why first.
bring() { # TOOL WHY
    if "has_$1"; then return; fi
    say "missing: $2"
    "bring_$1"
}
