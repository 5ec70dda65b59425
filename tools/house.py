"""The house check: what a reader of this repository may rely on, and no test of a function would notice.

python tools/house.py        prints one line per broken rule and `N passed, N failed`; exit status 1 if any failed
"""
import ast, json, re, shutil, subprocess, sys, tempfile
from pathlib import Path
import repo, style
from repo import NOTEBOOKS, PACKAGE, ROOT, cells, functions, imported, lessons, module_name, modules, notebooks, source, tracked, tree

# a sub-package may import those in its list; within one, no two modules may need each other
MAY = dict(core=(), legacy=(), envs=('core',), data=('core', 'envs'), learn=('core', 'data'),
    plan=('core', 'data', 'learn'),
    goplan=('core', 'data', 'learn', 'plan'), lab=('core', 'legacy', 'envs', 'data', 'learn', 'plan', 'goplan'))
# stricter than its sub-package
ONLY = {'data.sampling': {'core'}, 'data.files': {'core'}, 'learn.losses': set(), 'learn.nets': {'core'},
    'plan.rows': {'core'}, 'plan.planner': {'core', 'plan.rows'}, 'envs.points': {'core'}}
SPINE = ['core', 'data.sampling', 'learn.nets', 'learn.losses', 'learn.families', 'learn.prior', 'plan.dynamics',
    'plan.rows', 'plan.planner', 'plan.reanalysis', 'goplan']
HEAVY = {'matplotlib', 'seaborn', 'mujoco', 'ipywidgets', 'pandas', 'gymnasium', 'gymnasium_robotics', 'pyplot',
    'anywidget', 'tyro'}

def code_lines(path, node):
    lines = path.read_text(encoding='utf-8').splitlines()[node.lineno-1:node.end_lineno]
    return sum(bool(l.strip()) and not l.strip().startswith('#') for l in lines)

def top(name): return name.split('.')[0]

def imports_point_down():
    "imports point down, between sub-packages and within them"
    needs = {module_name(p): imported(p) for p in modules()}
    for name, found in needs.items():
        for m in found:
            if top(m)!=top(name) and top(m) not in MAY[top(name)]:
                yield f'{name} imports {m}; allowed: {", ".join(MAY[top(name)]) or "nothing"}'
            if name in ONLY and m not in ONLY[name]: yield f'{name} imports {m}; allowed: {sorted(ONLY[name])}'
    def reach(name, seen=()):
        for m in needs.get(name, ()):
            if m in seen: continue
            yield m
            yield from reach(m, (*seen, m))
    for name in needs:
        if name in set(reach(name)): yield f'{name} needs itself by a circle'

def spine_is_light():
    "what learns and plans imports no plotting, no simulator, no widgets"
    for p in modules():
        if top(module_name(p)) not in ('core', 'learn', 'plan', 'goplan') and module_name(p) not in SPINE: continue
        names = {a.name.split('.')[0] for n in tree(p).body if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or '').split('.')[0] for n in tree(p).body if isinstance(n, ast.ImportFrom) and not n.level}
        if names & HEAVY: yield f'{module_name(p)} imports {sorted(names & HEAVY)} at its top'

def import_is_cheap():
    "`import goplan_nb` loads neither torch nor a simulator, and offers what it lists"
    script = 'import sys, goplan_nb as gp; print(*sorted({m.split(".")[0] for m in sys.modules} & {"torch", "numpy", "mujoco", "pandas", "matplotlib", "gymnasium"})); [getattr(gp, n) for n in gp.__all__]'
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True)
    if done.returncode: yield done.stderr.strip().splitlines()[-1]
    elif done.stdout.strip(): yield f'it loads {done.stdout.strip()}'

def packages_offer_their_names():
    "every public function and class of a sub-package is reachable from its `__init__`"
    import importlib
    for p in modules():
        name = module_name(p)
        if '.' not in name: continue
        package = importlib.import_module(f'goplan_nb.{name.rpartition(".")[0]}')
        for n in tree(p).body:
            patched = isinstance(n, ast.FunctionDef) and any('patch' in ast.unparse(d) for d in n.decorator_list)
            if isinstance(n, (ast.FunctionDef,
                ast.ClassDef)) and not patched and not n.name.startswith('_') and not hasattr(package, n.name):
                yield f'{name}: {n.name}'

def functions_are_short():
    "no function is longer than 40 lines of code"
    for p in modules():
        for f in functions(p):
            if code_lines(p, f)>40: yield f'{module_name(p)}: {f.name} has {code_lines(p, f)} lines'

def public_names_are_documented():
    "every public function and class has a docstring, every parameter an annotation or a default that shows its type"
    for p in modules():
        for node in tree(p).body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
            patched = isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg=='self'
            documented = ast.get_docstring(node) or node.name=='forward'
            if not documented and not (patched and node.name.startswith('_')):
                yield f'{module_name(p)}: {node.name} has no docstring'
            if isinstance(node, ast.FunctionDef):
                a = node.args
                bare = [x.arg for x in a.args[:len(a.args)-len(a.defaults)] if not x.annotation
                    and x.arg not in ('self', 'device', 'path', 'f', 'walls')]
                if bare and not patched:
                    yield f'{module_name(p)}: {node.name} has parameters without annotation: {bare}'

def notebooks_are_whole():
    "notebooks have cell ids, a portable kernel, no error output, no cell that never runs or is not Python; they stay below 500 KB"
    for p in notebooks():
        nb, name = json.loads(p.read_text(encoding='utf-8')), repo.key(p)
        if nb['metadata'].get('kernelspec', {}).get('name')!='python3': yield f'{name}: kernel is not python3'
        if p.stat().st_size>500_000: yield f'{name}: {p.stat().st_size//1000} KB'
        ids = [c.get('id') for c in nb['cells']]
        if None in ids or len({*ids})<len(ids): yield f'{name}: a cell without an id of its own'
        for c in nb['cells']:
            if c['cell_type']!='code': continue
            if re.search(r'#\|\s*eval:\s*false', source(c)): yield f'{name}: a cell never runs: {source(c)[:60]!r}'
            if any(o.get('output_type')=='error' for o in c['outputs']):
                yield f'{name}: stored error in {source(c)[:60]!r}'
            if re.match(r'(#\|.*\n)*# *Solution', source(c)) and not c['metadata'].get('jupyter',
                {}).get('source_hidden'):
                yield f'{name}: a solution is not folded: make prepare'
            try: ast.parse(source(c))
            except SyntaxError as e: yield f'{name}: {e.msg} in {source(c)[:60]!r}'

def lessons_show_pictures():
    "every lesson of more than 40 cells stores at least two pictures"
    for p in lessons():
        n = sum('image/png' in o.get('data', {}) for c in cells(p) if c['cell_type']=='code' for o in c['outputs'])
        if n<2 and len(cells(p))>40: yield f'{repo.key(p)}: {n} stored pictures'

def prose_is_near():
    "never more than five code cells in a row without a word"
    for p in notebooks():
        run = 0
        for c in cells(p):
            hidden = c['cell_type']=='code' and re.match(r'\s*#\|\s*(hide|default_exp)', source(c))
            run = 0 if c['cell_type']!='code' else run+(not hidden)
            if run>5: yield f'{repo.key(p)}: six code cells in a row, the last is {source(c)[:60]!r}'; break

def export_is_fresh():
    "the modules are what the notebooks export"
    glue = lambda p: p.name in ('__main__.py', '__init__.py', '_lazy.py')   # a few lines that no notebook could run
    with tempfile.TemporaryDirectory() as tmp:
        for name in ('settings.ini', 'setup.py'): shutil.copy(ROOT/name, tmp)
        shutil.copytree(NOTEBOOKS, Path(tmp)/'nbs', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
        (Path(tmp)/'goplan_nb').mkdir()
        shutil.copy(PACKAGE/'__init__.py', Path(tmp)/'goplan_nb')
        done = subprocess.run([str(Path(sys.executable).parent/'nbdev_export')], cwd=tmp, capture_output=True,
            text=True)
        if done.returncode: yield f'nbdev_export failed: {done.stderr.strip().splitlines()[-1]}'; return
        read = lambda root: {str(p.relative_to(root)): p.read_text() for p in root.rglob('*.py') if not glue(p)}
        new, old = read(Path(tmp)/'goplan_nb'), read(PACKAGE)
        for name in sorted({*new, *old}):
            if new.get(name)!=old.get(name):
                yield f'goplan_nb/{name} differs from its notebook: run nbdev_export, then nbdev_clean'

def style_is_kept():
    "words, sentences, captions, lines and parameters: tools/style.py"
    yield from (f for p in [*(p for p in notebooks() if not p.stem.endswith('legacy')), *modules()]
        for f in style.faults(p))

def course_fits_a_day():
    "the course has at most 12,000 words and 2,500 lines of code"
    import lessons as reading
    course = [reading.measure(p) for p in lessons() if p.parent.name=='course']
    words, lines = sum(l.total_words for l in course), sum(l.lines for l in course)
    if words>12_000 or lines>2_500: yield f'{words} words, {lines} lines of code'

def links_lead_somewhere():
    "every link between files of the repository leads to one"
    for p in (*notebooks(), *ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *ROOT.glob('data/*.md'),
        *ROOT.glob('nbs/*.md')):
        text = '\n'.join(source(c) for c in cells(p)
            if c['cell_type']=='markdown') if p.suffix=='.ipynb' else p.read_text(encoding='utf-8')
        text = re.sub(r'^```.*?^```|`[^`\n]*`', '', text, flags=re.S|re.M)
        for link in re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text):
            link = link[0] or link[1]
            if re.match(r'https?:|mailto:', link): continue
            file, _, anchor = link.partition('#')
            target = (p.parent/file).resolve() if file else p
            if not target.exists(): yield f'{p.relative_to(ROOT)}: {link}'
            elif anchor and target.suffix=='.md' and anchor not in anchors(target):
                yield f'{p.relative_to(ROOT)}: no such place: {link}'

def anchors(path):
    "The places of a Markdown page that can be linked to."
    text = path.read_text(encoding='utf-8')
    heads = re.findall(r'^#+ (.+)$', text, flags=re.M)
    return {*re.findall(r'<a id="([^"]+)"', text),
        *(re.sub(r'[^\w\- ]', '', h.lower()).strip().replace(' ', '-') for h in heads)}

def readme_is_short():
    "the README has at most 150 lines and no table of more than six columns"
    lines = (ROOT/'README.md').read_text(encoding='utf-8').split('\n')
    if len(lines)>151: yield f'{len(lines)-1} lines'
    for l in lines:
        if l.startswith('|') and l.count('|')-1>6: yield f'a table of {l.count("|")-1} columns: {l[:60]}'

def generated_pages_are_fresh():
    "README, results, deviations, equations and the map of lessons are what the repository says"
    import pages, readme
    for p, text in pages.pages().items():
        if not p.exists() or p.read_text(encoding='utf-8')!=text: yield f'{p.relative_to(ROOT)}: make readme'
    if (ROOT/'README.md').read_text(encoding='utf-8')!=readme.readme(): yield 'README.md: make readme'

def nothing_local():
    "no path of one machine, nothing unpickled"
    for p in tracked():
        if p.suffix in ('.npz', '.png', '.gif', '.safetensors') or p==Path(__file__).resolve(): continue
        text = p.read_text(encoding='utf-8', errors='replace')
        found = re.search(r'(?<![\w.~])/(?:home|root|work|Users)/[\w.-]+', text)
        if found: yield f'{p.relative_to(ROOT)}: {found[0]}'
        if p.suffix=='.py' and PACKAGE in p.parents and re.search(r'pickle\.loads?\(|joblib\.load|torch\.load\(', text):
            yield f'{p.name} unpickles'

RULES = [imports_point_down, spine_is_light, import_is_cheap, packages_offer_their_names, functions_are_short,
    public_names_are_documented, notebooks_are_whole,
    lessons_show_pictures, prose_is_near, export_is_fresh, style_is_kept, course_fits_a_day, links_lead_somewhere,
    readme_is_short, generated_pages_are_fresh, nothing_local]

def check():
    "(passed, failed), with a line printed for every broken rule."
    failed = 0
    for rule in RULES:
        broken = list(rule())
        failed += bool(broken)
        print(f'house: {rule.__doc__}: {"ok" if not broken else "BROKEN"}')
        for line in broken[:60]: print(f'    {line}')
    return len(RULES)-failed, failed

if __name__=='__main__':
    passed, failed = check()
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed))
