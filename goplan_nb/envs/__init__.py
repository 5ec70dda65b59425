"Environments, their tasks, and scripted experts."
from .._lazy import lazy
__getattr__, __dir__ = lazy(__name__)
