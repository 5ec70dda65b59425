"""The house check: what a reader of this repository may rely on, and no test of a function would notice.

python tools/house.py        prints one line per broken rule and `N passed, N failed`; exit status 1 if any failed
"""
import ast, json, re, shutil, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, NOTEBOOKS = ROOT/'goplan_nb', ROOT/'nbs'
# a module may import those before it; `plots` and `report` may be imported by `cli` and notebooks only
ORDER = ['core', 'points', 'simulators', 'sawyer', 'tasks', 'experts', 'data', 'formats', 'behaviours', 'nets', 'losses', 'imitation', 'train', 'weighted', 'critics', 'quasimetric', 'values', 'transformer', 'families', 'prior', 'toy', 'dynamics', 'planner', 'reanalysis', 'goplan', 'beyond', 'acting',
    'statistics', 'plots', 'report', 'bench', 'speed', 'play', 'cli']
LEAVES = {'core': set(), 'points': set(), 'losses': set(), 'nets': {'core'}, 'planner': {'core'}, 'simulators': {'core'}, 'sawyer': {'core', 'points', 'simulators'},
    'tasks': {'core', 'points', 'simulators', 'sawyer'}, 'train': {'core', 'tasks', 'data'}}
SPINE = ['core', 'data', 'nets', 'losses', 'families', 'prior', 'dynamics', 'planner', 'reanalysis', 'goplan']
HEAVY = {'matplotlib', 'seaborn', 'mujoco', 'ipywidgets', 'pandas', 'gymnasium_robotics'}

def modules(): return sorted(p for p in PACKAGE.glob('*.py') if not p.stem.startswith('_'))
def notebooks(): return sorted(NOTEBOOKS.glob('*.ipynb'))
def cells(path): return json.loads(path.read_text(encoding='utf-8'))['cells']
def source(cell): return ''.join(cell['source'])
def tree(path): return ast.parse(path.read_text(encoding='utf-8'))
def tracked():
    out = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True).stdout.split('\n')
    return [ROOT/f for f in out if f and (ROOT/f).exists()]

def ours(path):
    "Modules of this package that a module imports, at any depth."
    names = [('goplan_nb.' if n.level else '')+(n.module or '') for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom)]
    names += [a.name for n in ast.walk(tree(path)) if isinstance(n, ast.Import) for a in n.names]
    return {n.split('.')[1] for n in names if n.startswith('goplan_nb.') and n!='goplan_nb.'}

def functions(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef): yield node

def code_lines(path, node):
    lines = path.read_text(encoding='utf-8').splitlines()[node.lineno-1:node.end_lineno]
    return sum(bool(l.strip()) and not l.strip().startswith('#') for l in lines)

def imports_point_down():
    "imports point down only"
    for p in modules():
        if p.stem not in ORDER: yield f'{p.name}: not in the order of modules in tools/house.py'; continue
        for m in ours(p):
            if m not in ORDER[:ORDER.index(p.stem)]: yield f'{p.name} imports {m}, which stands above it'
            if p.stem in LEAVES and m not in LEAVES[p.stem]: yield f'{p.name} imports {m}; allowed: {sorted(LEAVES[p.stem])}'

def spine_is_light():
    "the spine imports no plotting, no simulator, no widgets"
    for p in modules():
        if p.stem not in SPINE: continue
        names = {a.name.split('.')[0] for n in tree(p).body if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or '').split('.')[0] for n in tree(p).body if isinstance(n, ast.ImportFrom)}
        if names & HEAVY: yield f'{p.name} imports {sorted(names & HEAVY)} at its top'

def functions_are_short():
    "no function is longer than 40 lines of code"
    for p in modules():
        for f in functions(p):
            if code_lines(p, f)>40: yield f'{p.name}: {f.name} has {code_lines(p, f)} lines'

def public_names_are_documented():
    "every public function and class has a docstring, every parameter an annotation or a default that shows its type"
    for p in modules():
        for node in tree(p).body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
            patched = isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg=='self'
            documented = ast.get_docstring(node) or node.name=='forward'
            if not documented and not (patched and node.name.startswith('_')): yield f'{p.name}: {node.name} has no docstring'
            if isinstance(node, ast.FunctionDef):
                a = node.args
                bare = [x.arg for x in a.args[:len(a.args)-len(a.defaults)] if not x.annotation and x.arg not in ('self', 'device', 'path', 'f', 'walls')]
                if bare and not patched: yield f'{p.name}: {node.name} has parameters without annotation: {bare}'

def notebooks_are_whole():
    "notebooks have cell ids, a portable kernel, no error output, no cell that never runs or is not Python; they stay below 500 KB"
    for p in notebooks():
        nb = json.loads(p.read_text(encoding='utf-8'))
        if nb['metadata'].get('kernelspec', {}).get('name')!='python3': yield f'{p.name}: kernel is not python3'
        if p.stat().st_size>500_000: yield f'{p.name}: {p.stat().st_size//1000} KB'
        for c in nb['cells']:
            if 'id' not in c: yield f'{p.name}: a cell without id'; break
        for c in nb['cells']:
            if c['cell_type']!='code': continue
            if re.search(r'#\|\s*eval:\s*false', source(c)): yield f'{p.name}: a cell never runs: {source(c)[:60]!r}'
            if any(o.get('output_type')=='error' for o in c['outputs']): yield f'{p.name}: stored error in {source(c)[:60]!r}'
            try: ast.parse(source(c))
            except SyntaxError as e: yield f'{p.name}: {e.msg} in {source(c)[:60]!r}'

def lessons_show_pictures():
    "every lesson stores at least two pictures"
    for p in notebooks():
        n = sum('image/png' in o.get('data', {}) for c in cells(p) if c['cell_type']=='code' for o in c['outputs'])
        if n<2 and p.stem[:2].isdigit(): yield f'{p.name}: {n} stored pictures'

def prose_is_near():
    "never more than five code cells in a row without a word"
    for p in notebooks():
        run = 0
        for c in cells(p):
            hidden = c['cell_type']=='code' and re.match(r'\s*#\|\s*(hide|default_exp)', source(c))
            run = 0 if c['cell_type']!='code' else run+(not hidden)
            if run>5: yield f'{p.name}: six code cells in a row, the last is {source(c)[:60]!r}'; break

def export_is_fresh():
    "the modules are what the notebooks export"
    with tempfile.TemporaryDirectory() as tmp:
        for name in ('settings.ini', 'setup.py'): shutil.copy(ROOT/name, tmp)
        shutil.copytree(NOTEBOOKS, Path(tmp)/'nbs', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
        (Path(tmp)/'goplan_nb').mkdir()
        shutil.copy(PACKAGE/'__init__.py', Path(tmp)/'goplan_nb')
        script = Path(sys.executable).parent/'nbdev_export'
        done = subprocess.run([str(script)], cwd=tmp, capture_output=True, text=True)
        if done.returncode: yield f'nbdev_export failed: {done.stderr.strip().splitlines()[-1]}'; return
        new = {p.name: p.read_text() for p in (Path(tmp)/'goplan_nb').glob('*.py')}
        old = {p.name: p.read_text() for p in PACKAGE.glob('*.py') if p.name!='__main__.py'}   # three lines that no notebook could run
        for name in sorted({*new, *old}):
            if new.get(name)!=old.get(name): yield f'goplan_nb/{name} differs from its notebook: run nbdev_export, then nbdev_clean'

def nothing_local():
    "no path of one machine, nothing unpickled outside `data`"
    for p in tracked():
        if p.suffix in ('.npz', '.png', '.gif', '.safetensors') or p==Path(__file__).resolve(): continue
        text = p.read_text(encoding='utf-8', errors='replace')
        found = re.search(r'(?<![\w.~])/(?:home|root|work|Users)/[\w.-]+', text)
        if found: yield f'{p.relative_to(ROOT)}: {found[0]}'
        if p.suffix=='.py' and p.parent==PACKAGE and re.search(r'pickle\.loads?\(|joblib\.load|torch\.load\(', text): yield f'{p.name} unpickles'

RULES = [imports_point_down, spine_is_light, functions_are_short, public_names_are_documented, notebooks_are_whole,
    lessons_show_pictures, prose_is_near, export_is_fresh, nothing_local]

def check():
    "(passed, failed), with a line printed for every broken rule."
    failed = 0
    for rule in RULES:
        broken = list(rule())
        failed += bool(broken)
        print(f'house: {rule.__doc__}: {"ok" if not broken else "BROKEN"}')
        for line in broken: print(f'    {line}')
    return len(RULES)-failed, failed

if __name__=='__main__':
    passed, failed = check()
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed))
