"""A picture from standard input, decoded whole, made upright, and encoded anew as a JPEG to standard output.

    python -m hydrobit.objects.encoding FORMAT

Exit status 3 means that the picture is refused; the sentence stands in the output. Any other one above zero means that
it could not be decoded: truncated, fake, or made to break a decoder.
"""

import resource
import sys
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

REFUSED = 3
PIXELS_MAX = 50_000_000
"""More than phones take (48 million); unpacked, the largest has 200 MB."""
SIDE_MAX = 2_048
"""A larger picture is kept smaller; it shows a person, not a landscape."""
QUALITY = 85
MEMORY_BYTES_MAX = 1_500_000_000
"""Address space, of which the picture and its decoder take the least part."""


class Unwanted(Exception):
    """The sentence that goes on after the field's name."""


def encode_anew(content: bytes, wanted: str) -> bytes:
    """Raises Unwanted, or whatever a decoder raises for a broken picture."""
    from PIL import Image, ImageOps  # a server reads REFUSED of this module, and needs no decoder for it

    Image.MAX_IMAGE_PIXELS = None  # the size is looked at here, before anything is unpacked
    with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
        if image.format != wanted:
            raise Unwanted(f"says that it is {wanted}, and is {image.format}")
        if image.width * image.height > PIXELS_MAX:
            raise Unwanted(f"has {image.width} x {image.height} pixels; at most {PIXELS_MAX} in all are taken")
        image.draft("RGB", (SIDE_MAX, SIDE_MAX))  # a JPEG is unpacked no larger than needed
        image.load()
        image.thumbnail((SIDE_MAX, SIDE_MAX))
        out = BytesIO()
        _on_white(ImageOps.exif_transpose(image)).save(out, "JPEG", quality=QUALITY)
        return out.getvalue()


def _on_white(image: "Image") -> "Image":
    """The colours alone: what was transparent is white, and no data about the picture comes along."""
    from PIL import Image

    layer = image.convert("RGBA") if image.has_transparency_data else image.convert("RGB")
    plain = Image.new("RGB", image.size, "white")
    plain.paste(layer, mask=layer.getchannel("A") if layer.mode == "RGBA" else None)
    return plain


def main() -> int:
    """Reads, encodes and writes; the exit status says how it went."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    try:
        encoded = encode_anew(sys.stdin.buffer.read(), sys.argv[1])
    except Unwanted as e:
        sys.stdout.buffer.write(str(e).encode())
        return REFUSED
    sys.stdout.buffer.write(encoded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
