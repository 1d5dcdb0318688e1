"""Cut the icon fonts down to the glyphs that the site shows: `python book/theme/subset_icons.py`.

Reads Font Awesome Free's fonts as the theme (pydata-sphinx-theme) brings them and writes, at the
same paths, the files that replace them. Needs fontTools and brotli: `pip install fonttools[woff]`.
A browser test fails when a page shows an icon that is not listed here.
"""

from __future__ import annotations

from pathlib import Path

WEBFONTS = "vendor/fontawesome/webfonts"
SOLID = {
    "angle-down": 0xF107,
    "angle-left": 0xF104,
    "angle-right": 0xF105,
    "arrow-up": 0xF062,
    "bars": 0xF0C9,
    "bell": 0xF0F3,
    "bug": 0xF188,
    "bullseye": 0xF140,
    "check": 0xF00C,
    "chevron-down": 0xF078,
    "chevron-right": 0xF054,
    "circle-check": 0xF058,
    "circle-exclamation": 0xF06A,
    "circle-half-stroke": 0xF042,
    "circle-info": 0xF05A,
    "circle-question": 0xF059,
    "circle-xmark": 0xF057,
    "clock-rotate-left": 0xF1DA,
    "code": 0xF121,
    "download": 0xF019,
    "lightbulb": 0xF0EB,
    "list": 0xF03A,
    "magnifying-glass": 0xF002,
    "moon": 0xF186,
    "pencil": 0xF303,
    "play": 0xF04B,
    "rocket": 0xF135,
    "share": 0xF064,
    "sun": 0xF185,
    "table-columns": 0xF0DB,
    "triangle-exclamation": 0xF071,
    "xmark": 0xF00D,
}
BRANDS = {"github": 0xF09B}
FONTS = {"fa-solid-900": SOLID, "fa-brands-400": BRANDS, "fa-regular-400": {"bell": 0xF0F3}}


def main() -> None:
    """Write the subsets beside this file."""
    import pydata_sphinx_theme
    from fontTools import subset

    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    target = Path(__file__).parent / WEBFONTS
    target.mkdir(parents=True, exist_ok=True)
    for name, glyphs in FONTS.items():
        options = subset.Options(flavor="woff2", hinting=False, desubroutinize=True)
        options.layout_features = []
        font = subset.load_font(str(theme / WEBFONTS / f"{name}.woff2"), options)
        missing = [icon for icon, code in glyphs.items() if code not in font.getBestCmap()]
        if missing:
            raise SystemExit(f"error: {name} has no glyph for {', '.join(missing)}")
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=list(glyphs.values()))
        cutter.subset(font)
        path = target / f"{name}.woff2"
        subset.save_font(font, str(path), options)
        print(f"{path.name}: {len(glyphs)} icons, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
