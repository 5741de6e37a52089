#!/bin/sh
# Makes .venv with everything that webagent and its tests need, and sees to it that a Chromium starts.
# Safe to run again: it does only what is missing, and nothing once it is done.
#
#   PYTHON=python3.12         the Python to use; otherwise the first on the PATH that is new enough
#   WEBAGENT_CHROMIUM=/path   the browser to use; otherwise one that is there, or is installed here
#   PIP_...                   pip's own settings, for a mirror or a build of PyTorch without CUDA
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}

# --- packages of the system, where that is allowed ---

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

may_apt() { command -v apt-get >/dev/null && as_root true 2>/dev/null; }

apt_install() {
    may_apt || return 1
    if [ -z "${apt_updated:-}" ]; then
        as_root apt-get update -qq >/dev/null 2>&1 || say "apt-get update failed; going on with the lists that are there"
        apt_updated=yes
    fi
    say "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

# --- the virtual environment ---

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    python=$(find_python) ||
        fail "no Python 3.11 or newer (${PYTHON:-python3} is: $("${PYTHON:-python3}" --version 2>&1 | head -n 1)); install one, or name it: PYTHON=/path make setup"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || apt_install python3-venv ||
            fail "this Python cannot make virtual environments; as root: apt-get install python$version-venv"
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# --- the browser ---

# Asks the package itself, which looks for a browser and starts it; on failure its reason is in .venv/browser.txt.
browser_starts() {
    .venv/bin/python -c 'from envs.browser import shared; print(shared().version)' >.venv/browser.txt 2>&1
}

find_or_install_browser() {
    browser_starts && return
    [ -z "${WEBAGENT_CHROMIUM:-}" ] || return 1 # a browser was asked for by name: put no other in its place

    say "no Chromium that starts; trying: playwright install chromium"
    if .venv/bin/python -m playwright install chromium >.venv/playwright.txt 2>&1; then
        browser_starts && return
        say "it does not start; trying: playwright install-deps chromium"
        as_root .venv/bin/python -m playwright install-deps chromium >>.venv/playwright.txt 2>&1 && browser_starts && return
    else
        say "that failed: $(grep -m 1 -i error .venv/playwright.txt || tail -n 1 .venv/playwright.txt)"
    fi

    may_apt || say "apt-get cannot be used: it is not there, or this is neither root nor has sudo without a password"
    for packages in "chromium-headless-shell chromium-sandbox" "chromium chromium-sandbox" "chromium"; do
        # shellcheck disable=SC2086  # several words on purpose
        apt_install $packages && browser_starts && return
    done
    return 1
}

# The pages of MiniWoB++ ask for Arial; which font stands in for it decides where everything is.
has_arial() {
    fc-match Arial 2>/dev/null | grep -qiE 'arial|liberation' || ls -d /usr/share/fonts/truetype/liberation* >/dev/null 2>&1
}

# --- all of it, once ---

stamp=.venv/setup-done
key="$PWD $(cat pyproject.toml scripts/setup.sh | cksum)"
if [ "$(cat $stamp 2>/dev/null)" = "$key" ]; then
    exit 0
fi

.venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
say "installing the Python packages (minutes on the first time: PyTorch is large)"
[ -t 1 ] && quiet="" || quiet=--quiet
.venv/bin/python -m pip install $quiet --disable-pip-version-check -e '.[test]'

has_arial || apt_install fonts-liberation ||
    say "no font with the measures of Arial was found; pages will look different from those trained on (Debian: apt-get install fonts-liberation)"
find_or_install_browser || {
    grep -m 1 '^envs.browser.BrowserError' .venv/browser.txt >&2 || tail -n 1 .venv/browser.txt >&2
    fail "no Chromium that starts. Install one (Debian: apt-get install chromium; elsewhere: .venv/bin/playwright install --with-deps chromium) or name one in WEBAGENT_CHROMIUM, then run this again"
}
say "ready, with $(tail -n 1 .venv/browser.txt)"
say "now: . .venv/bin/activate, and then webagent --help"
echo "$key" >$stamp
