"`goplan` and `python -m goplan_nb`: the command."
import sys

def main()->int: # as `cli.main`
    "Import the command and run it; whoever interrupts the import costs no traceback."
    try: from .lab.cli import main
    except KeyboardInterrupt:
        print('\ngoplan: interrupted', file=sys.stderr)
        return 130
    return main()

if __name__=='__main__': sys.exit(main())
