"""Figures of results, each with its words: a text for those who cannot see it, and a caption."""

from genbench.figures.curves import curves
from genbench.figures.gallery import NAMES, available, named
from genbench.figures.intervals import values
from genbench.figures.pages import animated
from genbench.figures.pages import drawn as page
from genbench.figures.pictures import Sources, file_name
from genbench.figures.sheets import COUNT, samples
from genbench.figures.speeds import KINDS, speed
from genbench.figures.strips import Strip, strips
from genbench.figures.style import (
    DATES,
    Absent,
    Drawn,
    as_png,
    as_svg,
    content,
    form,
    save,
)
from genbench.figures.trainings import epochs
from genbench.figures.walks import interpolation

__all__ = [
    "COUNT",
    "DATES",
    "KINDS",
    "NAMES",
    "Absent",
    "Drawn",
    "Sources",
    "Strip",
    "animated",
    "as_png",
    "as_svg",
    "available",
    "content",
    "curves",
    "epochs",
    "file_name",
    "form",
    "interpolation",
    "named",
    "page",
    "samples",
    "save",
    "speed",
    "strips",
    "values",
]
