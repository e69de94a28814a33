#!/bin/sh
# Builds what the Dockerfile describes where no Docker runs, in a bare Debian folder by the same script, image.sh. Then
# starts the app from it, not as root and unable to write but in /data and /tmp, and asks whether it is well.
#   build-bare.sh FOLDER [PATH...]    FOLDER is made, or gone on with; needs root and debootstrap
#                                     (apt install debootstrap). PATHs of this machine are seen inside while packages
#                                     are installed: pip's settings, a company's certificates.
set -eu

[ $# -ge 1 ] || { sed -n 's/^#   //p' "$0" >&2; exit 64; }
SOURCE=$(realpath "$(dirname "$0")/..")
FOLDER=$(realpath -m "$1")
shift
SUITE=$(sed -n 's/^FROM debian:\([a-z]*\)-slim$/\1/p' "$SOURCE/Dockerfile")
PORT=${PORT:-18501}
PROGRAMS=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

if [ -z "${BARE_INSIDE:-}" ]; then
    [ -e "$FOLDER/etc/debian_version" ] || debootstrap --variant=minbase "$SUITE" "$FOLDER"
    # What is mounted from here on is seen by this script alone and goes with it.
    BARE_INSIDE=1 exec unshare --mount --propagation private "$0" "$FOLDER" "$@"
fi

mkdir -p "$FOLDER/app" "$FOLDER/data"
mount --bind "$FOLDER" "$FOLDER"
cd "$FOLDER"
mount --rbind /dev dev
mount --rbind /proc proc
inside() { chroot "$FOLDER" /usr/bin/env -i PATH="$PROGRAMS" HOME=/root "$@"; }

if [ ! -x opt/fer/bin/streamlit ]; then
    cp -L /etc/resolv.conf etc/resolv.conf
    for path in "$@"; do
        if [ -d "$path" ]; then mkdir -p ".$path"; else mkdir -p ".${path%/*}" && touch ".$path"; fi
        mount --rbind "$path" ".$path"
    done
    rm -rf build && mkdir build
    for name in pyproject.toml README.md LICENSE deploy models fer; do cp -r "$SOURCE/$name" build/; done
    rm build/models/*/*.keras
    for step in packages install detector; do inside /build/deploy/image.sh "$step"; done
    for path in "$@"; do umount --recursive ".$path"; done
    rm -rf build
fi
echo 127.0.0.1 localhost >etc/hosts  # as Docker writes it
cp "$SOURCE/deploy/image.sh" opt/image.sh
for name in streamlit_app.py pages .streamlit; do cp -r "$SOURCE/$name" app/; done
echo "Debian and the app: $(du -smx . | cut -f1) MB, of which /opt/fer $(du -smx opt/fer | cut -f1) MB"

for place in data tmp; do mount -t tmpfs -o mode=1777 tmpfs "$place"; done
mount -o remount,bind,ro "$FOLDER"
become_app() {
    exec chroot --userspec=10001:10001 --groups= "$FOLDER" /usr/bin/env -i -C /app PATH="$PROGRAMS" HOME=/tmp \
        STREAMLIT_SERVER_ADDRESS=localhost STREAMLIT_SERVER_PORT="$PORT" "$@"
}
as_app() { (become_app "$@"); }
as_app /opt/fer/bin/python -c 'import importlib.util as found; assert found.find_spec("tensorflow") is None'
echo "TensorFlow is not there."
become_app /opt/image.sh serve &
server=$!
tries=0
until as_app /opt/image.sh well 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] && kill -0 "$server" || { echo "The app does not get well." >&2; kill "$server" || true; exit 1; }
    sleep 1
done
echo "The app answers that it is well: $(as_app /opt/fer/bin/python -c "
import urllib.request as web; print(web.urlopen('http://localhost:$PORT/healthz').read().decode())")"
kill "$server"
wait "$server" && echo "It ended in order."
