"`goplan` and `python -m goplan_nb`: the command."
import os, sys

def main()->int: # exit status, as `cli.main`
    "Answer questions for help at once; import the command for everything else."
    from .lab.usage import answered
    try:
        for name in ('stdout', 'stderr'):   # a shell can close them
            if getattr(sys, name) is None: setattr(sys, name, open(os.devnull, 'w'))
        code = answered(sys.argv[1:])
        sys.stdout.flush()
        if code is not None: return code
        from .lab.cli import main
    except BrokenPipeError:   # the reader of a pipe, `head` say, has seen enough
        sys.stdout = open(os.devnull, 'w')
        return 0
    except OSError as e:
        sys.stdout = open(os.devnull, 'w')
        print(f'goplan: cannot use the output: {e.strerror or e}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\ngoplan: interrupted', file=sys.stderr)
        return 130
    return main()

if __name__=='__main__': sys.exit(main())
