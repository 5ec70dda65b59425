"What several test files use."
from goplan_nb.lab.cli import main

def refused(capsys, args, *words):
    "The command exits with 2 and says why in one line that holds all of `words`."
    capsys.readouterr()
    assert main([str(a) for a in args])==2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said)==1 and said[0].startswith('goplan: '), said
    for w in words: assert w in said[0], (w, said[0])
