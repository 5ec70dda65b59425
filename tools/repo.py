"Where things are: notebooks in reading order, modules in order of dependence, and how to read both."
import ast, json, re, subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, NOTEBOOKS = ROOT/'goplan_nb', ROOT/'nbs'
CHAPTERS = dict(course='The course: GOPlan in a day', baselines='Baselines, one family each',
    improving='Improving GOPlan: GOPlan+',
    library='The library under its hood')   # folders of `nbs`, as one reads

def notebooks():
    "Every notebook, in reading order: index, tour, then the chapters."
    place = {c: i for i, c in enumerate(CHAPTERS)}
    found = [p for p in NOTEBOOKS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    return sorted(found, key=lambda p: (place.get(p.parent.name, -1), p.name))

def lessons():
    "The notebooks that are lessons: all but the index."
    return [p for p in notebooks() if p.stem!='index']

def key(path):
    "'course/07_planner', 'tour': how a notebook is called in tables and links."
    return str(Path(path).relative_to(NOTEBOOKS).with_suffix(''))

def modules():
    "Every module of the package but those that only glue."
    return sorted(p for p in PACKAGE.rglob('*.py') if not p.stem.startswith('_'))

def module_name(path):
    "'plan.planner' of goplan_nb/plan/planner.py."
    return '.'.join(Path(path).relative_to(PACKAGE).with_suffix('').parts)

def cells(path): return json.loads(Path(path).read_text(encoding='utf-8'))['cells']
def source(cell): return ''.join(cell['source'])
def tree(path): return ast.parse(Path(path).read_text(encoding='utf-8'))
def functions(path): return (n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef))

def exported(path):
    "The module that a notebook exports, 'plan.planner', or ''."
    return next((m[1] for c in cells(path) if c['cell_type']=='code'
        and (m := re.match(r'#\| default_exp ([\w.]+)', source(c)))), '')

def lesson_of():
    "module name -> the notebook that exports it."
    return {m: p for p in lessons() if (m := exported(p))}

def imported(path):
    "Modules of this package that a module imports, at any depth, by name."
    package, found = ['goplan_nb', *module_name(path).split('.')[:-1]], set()
    for n in ast.walk(tree(path)):
        if isinstance(n, ast.Import): names = [a.name for a in n.names]
        elif isinstance(n, ast.ImportFrom):
            base = '.'.join([*package[:len(package)-n.level+1],
                *([n.module] if n.module else [])]) if n.level else n.module or ''
            names = [base, *(f'{base}.{a.name}' for a in n.names)]
        else: continue
        found |= {x.removeprefix('goplan_nb.') for x in names if x.startswith('goplan_nb.')}
    known = {module_name(p) for p in modules()}
    return found & known

def tracked():
    "The files that git keeps."
    out = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True).stdout.split('\n')
    return [ROOT/f for f in out if f and (ROOT/f).exists()]
