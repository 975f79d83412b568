"""Every error that TimbreMap raises on purpose.

::

    TimbreMapError
    ├── ShapeError      (ValueError)   sizes that do not fit together
    ├── FormatError     (ValueError)   a file that is there but does not read
    ├── SettingsError   (ValueError)   a setting or an argument that cannot be used
    ├── FolderError     (OSError)      a file or folder that is missing or in the way
    └── MissingExtra    (ImportError)  an optional package that is not installed

Each message is one line: what was wrong, what was expected, and the way out.
"""

from __future__ import annotations


class TimbreMapError(Exception):
    """Base of every error of this project."""


class ShapeError(TimbreMapError, ValueError):
    """Sizes that do not fit together; the message names the layer and both sizes."""


class FormatError(TimbreMapError, ValueError):
    """A file that is there but cannot be read as what it should be."""


class SettingsError(TimbreMapError, ValueError):
    """A setting or an argument that cannot be used."""


class FolderError(TimbreMapError, OSError):
    """A file or folder that is missing, empty or in the way."""


class MissingExtra(TimbreMapError, ImportError):
    """An optional package that is not installed; the message holds the install line.

    Parameters
    ----------
    package : str
        The package that could not be imported.
    extra : str
        The extra of ``timbremap`` that brings it.
    """

    def __init__(self, package: str, extra: str):
        super().__init__(
            f"{package} is not installed: run  pip install 'timbremap[{extra}]'", name=package
        )
        self._arguments = (package, extra)

    def __reduce__(self):
        # Errors travel between processes, and are made again from what made them.
        return type(self), self._arguments
