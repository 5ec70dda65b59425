"Training, evaluation, benchmarks, plots, the command line, the playground."
from .._lazy import lazy
__getattr__, __dir__ = lazy(__name__)
