#!/usr/bin/env bash
# Pillow 13.0.0: opening a TIFF rotates it by its orientation tag; no other format is rotated.
#
# Expected: Image.open returns the pixels as stored, whatever the format, and
#   ImageOps.exif_transpose rotates them.
# Instead:  the same picture of 3 x 2 pixels with the same tag (6, a quarter turn) has the size
#   (3, 2) from JPEG, PNG and WebP, and (2, 3) from TIFF, whose tag is then gone.
# Matters:  a loader that rotates pictures by a tag it read itself (from a database, or with another
#   library) rotates TIFFs twice, and a classifier sees those photographs on their side. One that
#   leaves out exif_transpose treats the same photograph differently depending on its file format.
#
# Seen: JPEG, PNG and WEBP: opened (3, 2), loaded (3, 2), tag 6
#       TIFF: opened (2, 3), loaded (2, 3), tag None
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet pillow==13.0.0
"$work/env/bin/python" - <<'PY' | tee "$work/seen"
from io import BytesIO

import PIL
from PIL import Image

print("Pillow", PIL.__version__)
for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
    picture = Image.new("RGB", (3, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    picture.save(file, kind, exif=exif)
    with Image.open(BytesIO(file.getvalue())) as opened:
        before = opened.size
        opened.load()
        tag = opened.getexif().get(0x0112)
        print(f"{kind}: opened {before}, loaded {opened.size}, tag {tag}")
PY

diff "$work/seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
Pillow 13.0.0
JPEG: opened (3, 2), loaded (3, 2), tag 6
PNG: opened (3, 2), loaded (3, 2), tag 6
WEBP: opened (3, 2), loaded (3, 2), tag 6
TIFF: opened (2, 3), loaded (2, 3), tag None
EXPECTED
echo "as recorded"
