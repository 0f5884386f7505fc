#!/usr/bin/env bash
# Pillow 13.0.0: a whole, valid PNG whose colour profile or compressed text is longer than 1 MiB
# when it is unpacked cannot be opened, and Pillow writes such files itself.
#
# Expected: Image.open opens what Image.save wrote; at worst it leaves out the profile, with a warning.
# Instead:  Image.open raises ValueError: "Decompressed data too large for
#   PngImagePlugin.MAX_TEXT_CHUNK". The message speaks of text although there is only a profile, and
#   ValueError is not one of the two usually caught, UnidentifiedImageError and OSError.
# Matters:  profiles of printers and cameras are often longer than 1 MiB, so a folder of photographs
#   may hold such files; a loader that skips damaged images by `except OSError` stops at one, and a
#   loader that reports it as damaged is wrong: every pixel is there. A JPEG keeps the same profile.
#
# Seen: profile of 1048576 bytes: opened, 1048576 bytes of profile
#       profile of 1048577 bytes: ValueError: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
#       text of 1048577 letters: ValueError: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
#       the profile in a JPEG: opened, 1048577 bytes of profile
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet pillow==13.0.0
"$work/env/bin/python" - <<'PY' | tee "$work/seen"
from io import BytesIO

import PIL
from PIL import Image, PngImagePlugin

print("Pillow", PIL.__version__)
LIMIT = 1 << 20
picture = Image.new("RGB", (4, 4), (10, 200, 30))
text = PngImagePlugin.PngInfo()
text.add_text("Comment", "a" * (LIMIT + 1), zip=True)


def attempt(what, kind, **given):
    file = BytesIO()
    picture.save(file, kind, **given)
    try:
        with Image.open(BytesIO(file.getvalue())) as opened:
            assert opened.size == (4, 4)
            said = f"opened, {len(opened.info['icc_profile'])} bytes of profile"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    print(f"{what}: {said}")


attempt(f"profile of {LIMIT} bytes", "PNG", icc_profile=bytes(LIMIT))
attempt(f"profile of {LIMIT + 1} bytes", "PNG", icc_profile=bytes(LIMIT + 1))
attempt(f"text of {LIMIT + 1} letters", "PNG", pnginfo=text)
attempt("the profile in a JPEG", "JPEG", icc_profile=bytes(LIMIT + 1))
PY

diff "$work/seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
Pillow 13.0.0
profile of 1048576 bytes: opened, 1048576 bytes of profile
profile of 1048577 bytes: ValueError: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
text of 1048577 letters: ValueError: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
the profile in a JPEG: opened, 1048577 bytes of profile
EXPECTED
echo "as recorded"
