"""Every error that TimbreMap raises on purpose.

::

    TimbreMapError
    ├── ShapeError        (ValueError)       sizes that do not fit together
    ├── FormatError       (ValueError)       a file whose content is not what it should be
    ├── SettingsError     (ValueError)       an argument, option or setting that cannot be used
    ├── PathError         (OSError)          a file or folder that is missing or in the way
    ├── ConnectionFailed  (ConnectionError)  a port, host or device that cannot be reached
    ├── MissingProgram    (OSError)          a program of the system that is not installed
    └── MissingExtra      (ImportError)      an optional Python package that is not installed

Each message is one line, ``<where>: <what is wrong>; <what to do>``.
"""

from __future__ import annotations


class TimbreMapError(Exception):
    """Base of every error of this project."""


class ShapeError(TimbreMapError, ValueError):
    """Sizes that do not fit together; the message names the layer and both sizes."""


class FormatError(TimbreMapError, ValueError):
    """A file that could be read, but whose content is not what it should be."""


class SettingsError(TimbreMapError, ValueError):
    """An argument, option or setting that cannot be used."""


class PathError(TimbreMapError, OSError):
    """A file or folder that is missing, empty, in the way, or that may not be read or written."""


class ConnectionFailed(TimbreMapError, ConnectionError):
    """A network port, a host, or a MIDI or audio device that cannot be reached."""


class MissingProgram(TimbreMapError, OSError):
    """A program or library of the system that is not installed; the message says how to get it."""


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
            f"{package} is not installed; run  pip install 'timbremap[{extra}]'", name=package
        )
        self._arguments = (package, extra)

    def __reduce__(self):
        # Errors travel between processes, and are made again from what made them.
        return type(self), self._arguments
