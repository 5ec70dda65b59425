"""Where is equation N? Paper -> function -> lesson -> the check below it; found in the modules and the notebooks, not kept by hand.

python tools/equations.py       exit status 1 if an equation of the method has no function or no check
"""
import ast, re, sys
import repo
from repo import cells, lessons, module_name, modules, source

# what each of them says; those of which no function exists say why
SAYS = {'Eq. 1': 'the expected discounted return; measured without discount by `tasks.returns`',
    'Eq. 2': "MuZero's reanalysis loss, quoted as related work; not a part of the method",
    'Eq. 3': 'each model predicts the change of a state', 'Eq. 4': 'the largest disagreement of the models along an '
    'imagined trajectory', 'Eq. 5': 'the game of the advantage-weighted conditional GAN',
    'Eq. 6': 'the value is regressed to a discounted target', 'Eq. 7': "the discriminator's loss, demonstrations "
    "weighted", 'Eq. 8': "the policy's loss",
    'Algorithm 1': 'both stages: pretraining, then reanalysis and fine-tuning', 'Algorithm 2': 'the planner',
    'Figure 2': 'which policies keep both modes', 'Figure 3': 'the six cases of reanalysis'}
NO_FUNCTION = {'Eq. 1', 'Eq. 2'}
MENTION = re.compile(r'(Eqs?\.|Algorithm|Figure) (\d)(?:(?:,| and| to) (\d))?')

def named(text):
    "The keys of `SAYS` that a text mentions; 'Eq. 5 and 7' names two."
    for kind, a, b in MENTION.findall(text):
        for n in filter(None, (a, b)): yield f'{kind.replace("Eqs", "Eq")} {n}'

def functions():
    "(module, name, how a notebook uses it, its source) of everything exported."
    for path in modules():
        module = module_name(path)
        if module.startswith('lab.') and module!='lab.toy': continue   # what only measures or draws
        text = path.read_text(encoding='utf-8')
        top = ast.parse(text).body
        for node in [*top, *(m for c in top if isinstance(c, ast.ClassDef) for m in c.body)]:
            if isinstance(node, (ast.FunctionDef,
                ast.ClassDef)) and not node.name.endswith('Config') and not node.name.startswith('_fig2') and node.name!='_drawn':
                method = isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg=='self'
                yield module, node.name, rf'\.{node.name}\b' if method else rf'\b{node.name}\b', ast.get_source_segment(text, node)

def check_of(module, use):
    "The lesson of a function, and the first line of a cell there that asserts something and uses it, by that pattern."
    for path in lessons():
        if repo.exported(path)!=module: continue
        for c in cells(path):
            text = source(c)
            if c['cell_type']!='code' or '#| export' in text: continue
            lines = [l.strip() for l in text.split('\n') if re.match(r'\s*(test_\w+\(|assert |with expect_fail)', l)]
            if not lines or not re.search(use, text): continue
            # the line that names it, else the first of its cell
            return repo.key(path), next((l for l in lines if re.search(use, l)), lines[0])
        return repo.key(path), ''
    return '', ''

def rows():
    "(equation, what it says, module, function, lesson, check), by equation."
    found = {k: [] for k in SAYS}
    for module, name, use, text in functions():
        for key in dict.fromkeys(named(text)):
            if key in found: found[key].append((module, name, *check_of(module, use)))
    return [(key, SAYS[key], *(one or ('', '', '', ''))) for key, ones in found.items() for one in (ones or [()])]

def page():
    "The table as Markdown."
    line = lambda key, says, module, name, stem, check: (f'| {key} | {says} | '+(f'`{module}.{name}`' if name else '')
        +' | '+
        (f'[{stem}](../nbs/{stem}.ipynb)' if stem else '')+' | '+(f'`{check.replace("|", "¦")[:90]}`' if check else '')
        +' |')
    shown, out = set(), []
    for row in rows():
        out.append(line('' if row[0] in shown else row[0], '' if row[0] in shown else row[1], *row[2:]))
        shown.add(row[0])
    head = ['# Where is equation N?', '', 'From the paper to the line that computes it and the first check of it. '
        'Found by `tools/equations.py` in docstrings and comments of the modules.', '',
        '| paper | says | function | lesson | first check |', '|---|---|---|---|---|']
    return '\n'.join(head+out)+'\n'

if __name__=='__main__':
    missing = {key for key in SAYS if key not in NO_FUNCTION and not any(r[0]==key and r[3] and r[5] for r in rows())}
    if missing: print('without a function or a check:', ', '.join(sorted(missing)), file=sys.stderr)
    sys.exit(bool(missing))
