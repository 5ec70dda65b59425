"""Fold what a reader should not see first: cells that begin with `# Solution` are closed in JupyterLab and on the site.

python tools/fold.py     marks them in every notebook
"""
import json, re
from repo import notebooks, source

def fold(path):
    "Whether the notebook had to be changed."
    nb, changed = json.loads(path.read_text(encoding='utf-8')), False
    for c in nb['cells']:
        if c['cell_type']=='code' and re.match(r'(#\|.*\n)*# *Solution',
            source(c)) and not c['metadata'].get('jupyter', {}).get('source_hidden'):
            c['metadata']['jupyter'], changed = dict(source_hidden=True), True
    if changed: path.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=False)+'\n', encoding='utf-8')
    return changed

if __name__=='__main__': print(f'folded solutions in {sum(map(fold, notebooks()))} notebooks')
