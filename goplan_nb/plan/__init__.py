"Learned models, planners, reanalysis."
from .._lazy import lazy
__getattr__, __dir__ = lazy(__name__)
