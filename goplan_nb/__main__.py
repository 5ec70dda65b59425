"`python -m goplan_nb`: the command, also where its script is not on the path."
import sys
from .cli import main

sys.exit(main())
