"""The rules of style that can be counted: words, sentences, captions, lines, parameters.

python tools/style.py                       every notebook and module; exit status 1 if a rule is broken
python tools/style.py nbs/course/*.ipynb    only these notebooks, with every place
python tools/style.py --words               how often each home-made word stands in lessons, documents and modules
"""
import ast, re, sys
from pathlib import Path
from repo import NOTEBOOKS, PACKAGE, ROOT, cells, modules, notebooks, source

LINE, SENTENCE, CAPTION = 120, 40, 60      # characters, words, words
PARAMETERS, FEW = 8, 6                     # of a function; in planning and training
# home-made word -> what the field says; none of them may return
WORST = {r'worlds?': 'environment', r'dream\w*': 'imagined trajectory, model rollout',
    r"the log(?:'s)?(?![- ]?(?:of|prob|sum|scale))": 'dataset',
    r'shaken': 'perturbed', r'own_units': 'normalize_deltas', r'rivals?': 'baseline', r'trembl\w*': 'action noise',
    r'leash': 'regularisation strength',
    r'likeliest': 'mode', r'slow cop(?:y|ies)': 'target network', r'doubt\w*': 'uncertainty',
    r'believe[sd]?': 'accepted', r'looked at in': 'evaluated in',
    r'foresee\w*': 'predict_mean', r'blunders?': 'mistake'}
REST = {r'people': 'demonstrators', r'dice': 'uniform random policy', r'teachers?': 'behaviour policy',
    r'ours': 'this library, GOPlan+', r'shake': 'perturbation, jitter',
    r'greatest': 'maximum', r'chances?': 'probability', r'cards?': 'metadata', r'cells?': 'run',
    r'arms?': 'variant (or the robot arm)',
    r'judge[sd]?': 'classify, evaluate', r'logged': 'recorded', r'trust\w*': 'accept',
    r'laws?': 'dynamics, transition function', r'house': 'base class', r'as released': 'official implementation',
    r'nobody|whoever|somebody|anybody': 'plain English', r'looks?': 'evaluation, input'}

def documents():
    return [p for p in (*ROOT.glob('*.md'), *(ROOT/'docs').glob('*.md'), ROOT/'data'/'README.md')
        if p.name!='CHANGELOG.md']

def prose(text):
    "The paragraphs of a Markdown text: without code, formulas, tables, headings and links' addresses."
    text = re.sub(r'^```.*?^```|^\$\$.*?\$\$', '', text, flags=re.S|re.M)
    text = re.sub(r'`[^`\n]*`', 'x', re.sub(r'\]\([^)]*\)', ']', re.sub(r'\$[^$\n]+\$', 'x', text)))
    text = re.sub(r'<[^>]+>', '', text)
    for block in re.split(r'\n\s*\n', text):
        lines = [l for l in block.split('\n') if not re.match(r'\s*(\||#)', l)]
        for part in re.split(r'\n(?=\s*(?:[-*] |\d+[.)] |>))', '\n'.join(lines)):
            if part.strip(): yield ' '.join(part.split())

def long_sentences(text):
    "Sentences of more than SENTENCE words."
    for block in prose(text):
        for s in re.split(r'(?<=[.!?;:])\s+(?=[A-Z"*`x(])', block):
            if len(s.split())>SENTENCE: yield s

def captions(text):
    "Paragraphs in italics: the captions below pictures."
    for block in prose(text):
        if re.fullmatch(r'\*[^*].*[^*]\*', block) and len(block.split())>CAPTION: yield block

def parameters(tree, most):
    "Functions that take more than `most` arguments, `self` not counted."
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            a = node.args
            n = sum(x.arg not in ('self', 'cls') for x in (*a.posonlyargs, *a.args, *a.kwonlyargs))
            if n>most: yield node.name, n

def faults(path):
    "Every broken rule of one notebook or module, a line each."
    name = path.relative_to(ROOT)
    if path.suffix=='.py':
        text = path.read_text(encoding='utf-8')
        for i, l in enumerate(text.split('\n'), 1):
            if len(l)>LINE and not re.match(r"__all__ = |           '", l): yield f'{name}:{i}: {len(l)} characters'
        if PACKAGE in path.parents:
            most = FEW if path.parent.name=='plan' or path.stem in ('train', 'goplan') else PARAMETERS
            for f, n in parameters(ast.parse(text), most): yield f'{name}: {f} takes {n} arguments; allowed: {most}'
        return
    for i, c in enumerate(cells(path)):
        text = source(c)
        if c['cell_type']=='code':
            for l in text.split('\n'):
                if len(l)>LINE: yield f'{name} [{i}]: {len(l)} characters: {l.strip()[:60]}'
            if path.parent!=NOTEBOOKS and re.search(r';\s*\w', re.sub(r'(["\']).*?\1|#.*', '', text)):
                yield f'{name} [{i}]: two statements on a line'
        else:
            for s in long_sentences(text): yield f'{name} [{i}]: {len(s.split())} words: {s[:90]}'
            for s in captions(text): yield f'{name} [{i}]: a caption of {len(s.split())} words: {s[:60]}'
        for word, instead in WORST.items():
            for found in re.findall(rf'\b{word}\b', without_old_names(text), re.I):
                yield f'{name} [{i}]: "{found}"; the field says {instead}'

def without_old_names(text):
    "Text without the tables of names that older files use, and without what only looks like a word."
    return re.sub(r'(?m)^.*(?:# old name|worldbody|world_model|world model|nworld).*$', '', text)

def texts():
    "What a reader meets: (kind, text) of lessons, documents and modules."
    for p in notebooks():
        if p.stem.endswith('legacy'): continue
        for c in cells(p): yield ('lessons' if c['cell_type']=='markdown' else 'notebook code'), source(c)
    for p in modules():
        if p.stem not in ('legacy', '_modidx'): yield 'package', p.read_text(encoding='utf-8')
    for p in documents(): yield 'documents', p.read_text(encoding='utf-8')

def words():
    "word -> kind -> how often."
    kinds, table = ('lessons', 'notebook code', 'package', 'documents'), {}
    everything = list(texts())
    for w in WORST|REST:
        table[w] = {k: sum(len(re.findall(rf'\b(?:{w})\b', without_old_names(t), re.I)) for kind, t in everything
            if kind==k) for k in kinds}
    return table

def main(args):
    if '--words' in args:
        print(f'{"word":<34}{"lessons":>9}{"code":>9}{"package":>9}{"docs":>9}   the field says')
        for w, n in words().items():
            print(f'{w[:33]:<34}'+''.join(f'{x:9d}' for x in n.values())+f'   {(WORST|REST)[w]}')
        return 0
    chosen = [Path(a).resolve() for a in args] or [*(p for p in notebooks() if not p.stem.endswith('legacy')),
        *modules()]
    found = [f for p in chosen for f in faults(p)]
    for f in found: print(f)
    print(f'style: {len(found)} faults in {len(chosen)} files')
    return bool(found)

if __name__=='__main__': sys.exit(main(sys.argv[1:]))
