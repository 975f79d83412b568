# The folder cli/ is installed as timbremap_cli: under that name, type checkers find it here.
from cli import _common as _common
from cli import demo as demo
from cli import encode as encode
from cli import even as even
from cli import export as export
from cli import features as features
from cli import generate as generate
from cli import map as map
from cli import plot as plot
from cli import report as report
from cli import serve as serve
from cli import studio as studio
from cli import train as train
