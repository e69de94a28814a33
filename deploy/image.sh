#!/bin/sh
# What the container holds and does, step by step: called by the Dockerfile, and by build-bare.sh in a bare Debian folder.
#   image.sh packages    install Debian's packages that the app needs to run
#   image.sh install     install the package from the folder above this script's, with what its pages need, into /opt/fer
#   image.sh detector    fetch YuNet's file; where that fails it is left out, and Haar finds the faces
#   image.sh serve       run the app from the folder that it is called in
#   image.sh well        ask the app whether it is well
set -eu

PREFIX=/opt/fer
PYTHON="$PREFIX/bin/python"
: "${FER_MODEL_DIR:=$PREFIX/models}" "${FER_SESSIONS_DIR:=/data}" "${FER_CACHE_DIR:=/tmp/fer}" "${HOME:=/tmp}"
: "${STREAMLIT_SERVER_ADDRESS:=0.0.0.0}" "${STREAMLIT_SERVER_PORT:=8501}"
export FER_MODEL_DIR FER_SESSIONS_DIR FER_CACHE_DIR HOME STREAMLIT_SERVER_ADDRESS STREAMLIT_SERVER_PORT

apt_install() {
    apt-get update --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
}

case "${1:-}" in
packages)
    apt_install python3 ca-certificates
    ;;
install)
    apt_install python3 python3-venv ca-certificates
    python3 -m venv "$PREFIX"
    "$PYTHON" -m pip install --quiet --no-cache-dir --no-compile "$(realpath "$(dirname "$0")/..")[app]"
    "$PYTHON" -m pip uninstall --quiet --yes pip setuptools
    find "$PREFIX/lib" -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
    rm -f "$PREFIX"/lib/python3*/site-packages/pyarrow/*flight*.so*  # Arrow between machines
    # Compiled is what every start imports, and nothing else.
    for name in fer streamlit pandas numpy sqlalchemy; do
        "$PYTHON" -m compileall -q "$PREFIX"/lib/python3*/site-packages/$name
    done
    mkdir -p "$PREFIX/models"
    ;;
detector)
    FER_CACHE_DIR="$PREFIX/models" "$PYTHON" -m fer setup || echo "Without YuNet's file Haar finds the faces." >&2
    ;;
serve)
    exec "$PREFIX/bin/streamlit" run streamlit_app.py --server.headless true
    ;;
well)
    exec "$PYTHON" -c "import urllib.request as web; web.urlopen('http://localhost:$STREAMLIT_SERVER_PORT/healthz', timeout=15)"
    ;;
*)
    sed -n 's/^#   //p' "$0" >&2
    exit 64
    ;;
esac
