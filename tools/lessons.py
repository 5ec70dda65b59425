"""How well each lesson reads, in numbers, and the small picture that stands for it in the map.

python tools/lessons.py            prints the table; exit status 1 if a lesson falls short
python tools/lessons.py --thumbs   writes nbs/images/thumbs/ anew from the stored pictures

A lesson has three stored pictures and more, at most four code cells in a row without a word, after every display equation a code cell within the
next two cells, exercises each with a check and a solution that is executed, says what it promises and how many minutes it takes, and its last words link to the next.
"""
import base64, io, re, sys
from dataclasses import dataclass, fields
from pathlib import Path
from house import ROOT, cells, notebooks, source

THUMBS = ROOT/'nbs'/'images'/'thumbs'

@dataclass
class Lesson:
    "What is counted."
    path:Path
    promise:str      # the line below the title
    minutes:str      # as the lesson says
    cells:int        # all
    pictures:int     # stored
    longest:int      # code cells in a row without prose, imports not counted
    equations:int    # display equations
    uncoded:int      # of them, without a code cell among the next two
    exercises:int
    checks:int       # `def check...`
    solutions:int    # executed cells that begin with `# Solution`
    words:float      # of prose per line of code
    leads_on:bool    # the last words link to the next lesson

    def shortcomings(self):
        "What a reader would miss."
        if not self.promise: yield 'no promise'
        if not self.minutes: yield 'no minutes'
        if self.pictures<3: yield f'{self.pictures} pictures'
        if self.longest>4: yield f'{self.longest} code cells in a row'
        if self.uncoded: yield f'{self.uncoded} equations without code'
        if not self.exercises: yield 'no exercises'
        if self.solutions<self.exercises: yield f'{self.solutions} solutions for {self.exercises} exercises'
        if not self.leads_on: yield 'does not lead on to the next'
        if self.checks<self.exercises: yield f'{self.checks} checks for {self.exercises} exercises'

def longest_run(all_cells):
    "The longest run of code cells without a word between them; hidden cells do not count."
    run = most = 0
    for c in all_cells:
        hidden = c['cell_type']=='code' and re.match(r'\s*#\|\s*(hide|default_exp)', source(c))
        run = 0 if c['cell_type']!='code' else run+(not hidden)
        most = max(most, run)
    return most

def following(path):
    "The lesson after this one, if there is one."
    numbered = [p for p in notebooks() if p.stem[:2].isdigit()]
    return next((p for p in numbered if p>path), None)

def measure(path):
    "The numbers of one lesson."
    all_cells, after = cells(path), following(path)
    prose, code = ([source(c) for c in all_cells if c['cell_type']==kind] for kind in ('markdown', 'code'))
    text, with_equation = '\n'.join(prose), [i for i, c in enumerate(all_cells) if c['cell_type']=='markdown' and '$$' in source(c)]
    find = lambda pattern: next(iter(re.findall(pattern, text, flags=re.M)), '')
    exercises = re.split(r'^## .*[Ee]xercises?.*$', text, maxsplit=1, flags=re.M)[1:]
    lines = sum(bool(l.strip()) and not l.strip().startswith('#') for t in code for l in t.split('\n'))
    return Lesson(path, find(r'^> (.+)$'), find(r'[Mm]inutes:?[*_]*:? *(\d+)'), len(all_cells),
        sum('image/png' in o.get('data', {}) for c in all_cells if c['cell_type']=='code' for o in c['outputs']), longest_run(all_cells),
        len(with_equation), sum(not any(c['cell_type']=='code' for c in all_cells[i+1:i+3]) for i in with_equation),
        max(len(re.findall(r'^\*\*\d\b', exercises[0], flags=re.M)), 1) if exercises else 0,
        sum(len(re.findall(r'^def check\w*\(|^(?:check\w*) = ', t, flags=re.M)) for t in code),
        sum(bool(re.match(r'(#\|.*\n)*# *[Ss]olution', t)) for t in code), len(text.split())/max(lines, 1), after is None or f']({after.name})' in prose[-1])

def table(lessons):
    "The numbers side by side, as Markdown."
    names = [f.name for f in fields(Lesson)][3:]
    show = lambda v: f'{v:.1f}' if isinstance(v, float) else str(v)
    rows = [f'| {l.path.stem:16} | '+' | '.join(f'{show(getattr(l, n)):>{len(n)}}' for n in names)+f' | {"; ".join(l.shortcomings())} |' for l in lessons]
    return '\n'.join([f'| {"lesson":16} | '+' | '.join(names)+' | falls short |', f'|{"---|"*(len(names)+2)}', *rows])

def thumbnails():
    "The largest stored picture of each lesson, its first panel, made small."
    from PIL import Image
    THUMBS.mkdir(parents=True, exist_ok=True)
    for path in notebooks():
        pictures = [''.join(o['data']['image/png']) for c in cells(path) if c['cell_type']=='code' for o in c['outputs'] if 'image/png' in o.get('data', {})]
        if not pictures: continue
        image = Image.open(io.BytesIO(base64.b64decode(max(pictures, key=len)))).convert('RGB')
        image = image.crop((0, 0, min(image.width, int(1.4*image.height)), image.height))   # of several panels the first
        image.thumbnail((160, 100))
        image.quantize(64).save(THUMBS/f'{path.stem}.png', optimize=True)
        yield path.stem

if __name__=='__main__':
    if '--thumbs' in sys.argv: sys.exit(print(f'{len(list(thumbnails()))} pictures in {THUMBS.relative_to(ROOT)}/'))
    measured = [measure(p) for p in notebooks() if p.stem[:2].isdigit()]
    print(table(measured))
    failed = sum(any(l.shortcomings()) for l in measured)
    print(f'{len(measured)-failed} passed, {failed} failed')
    sys.exit(bool(failed))
