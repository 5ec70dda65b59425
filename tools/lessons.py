"""How well each lesson reads, in numbers.

python tools/lessons.py            prints the table; exit status 1 if a lesson falls short

A lesson asks a question in the line below its title, says how many minutes it takes, has a code cell within the next two cells after every display equation, exercises each
with a check and a solution that is executed, three bullets of summary, further reading, and its last words link to the next lesson of its chapter.
"""
import re, sys
from dataclasses import dataclass, fields
from pathlib import Path
import repo
from repo import cells, lessons, source

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
    total_words:int  # of prose
    lines:int        # of code, without blank lines and comments
    bullets:int      # of the summary
    reading:bool     # whether it names further reading
    leads_on:bool    # the last words link to the next lesson

    def shortcomings(self):
        "What a reader would miss."
        if not self.promise: yield 'no promise'
        if not self.minutes: yield 'no minutes'
        if self.cells>40 and self.pictures<2: yield f'{self.pictures} pictures'
        if self.longest>5: yield f'{self.longest} code cells in a row'
        if self.uncoded: yield f'{self.uncoded} equations without code'
        if self.path.parent.name in ('course', 'baselines') and not self.exercises: yield 'no exercises'
        if self.path.parent.name in ('course', 'baselines', 'improving') and self.bullets!=3:
            yield f'{self.bullets} bullets of summary'
        if self.path.parent.name in ('course', 'baselines', 'improving') and not self.reading:
            yield 'no further reading'
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
    "The lesson after this one in its chapter, if there is one."
    chapter = [p for p in lessons() if p.parent==path.parent]
    return next((p for p in chapter if p.name>path.name), None)

def summary(text):
    "The part of a lesson that is headed Summary."
    return next(iter(re.findall(r'^#+ Summary.*?\n(.*?)(?=^#|\Z)', text, flags=re.M|re.S)), '')

def measure(path):
    "The numbers of one lesson."
    all_cells, after = cells(path), following(path)
    prose, code = ([source(c) for c in all_cells if c['cell_type']==kind] for kind in ('markdown', 'code'))
    text, with_equation = '\n'.join(prose), [i for i, c in enumerate(all_cells) if c['cell_type']=='markdown'
        and '$$' in source(c)]
    find = lambda pattern: next(iter(re.findall(pattern, text, flags=re.M)), '')
    exercises = re.split(r'^## .*[Ee]xercises?.*$', text, maxsplit=1, flags=re.M)[1:]
    lines = sum(bool(l.strip()) and not l.strip().startswith('#') for t in code for l in t.split('\n'))
    return Lesson(path, find(r'^> (.+)$'), find(r'[Mm]inutes:?[*_]*:? *(\d+)'), len(all_cells),
        sum('image/png' in o.get('data', {}) for c in all_cells if c['cell_type']=='code' for o in c['outputs']),
        longest_run(all_cells),
        len(with_equation), sum(not any(c['cell_type']=='code' for c in all_cells[i+1:i+3]) for i in with_equation),
        max(len(re.findall(r'^\*\*\d\b', exercises[0], flags=re.M)), 1) if exercises else 0,
        sum(len(re.findall(r'^def check\w*\(|^(?:check\w*) = ', t, flags=re.M)) for t in code),
        sum(bool(re.match(r'(#\|.*\n)*# *[Ss]olution', t)) for t in code), len(text.split()), lines,
        len(re.findall(r'^[-*] ', summary(text), flags=re.M)),
        bool(re.search(r'^#+ Further reading', text, flags=re.M)),
        after is None or path.parent==repo.NOTEBOOKS or f']({after.name})' in '\n'.join(prose[-3:]))

def table(measured):
    "The numbers side by side, as Markdown."
    names = [f.name for f in fields(Lesson)][3:]
    rows = [f'| {repo.key(l.path):26} | '+' | '.join(f'{getattr(l, n)!s:>{len(n)}}' for n in names)
        +f' | {"; ".join(l.shortcomings())} |' for l in measured]
    return '\n'.join([f'| {"lesson":26} | '+' | '.join(names)+' | falls short |', f'|{"---|"*(len(names)+2)}', *rows])

def title(path):
    "The heading of a notebook."
    return next((m[1] for c in cells(path) if c['cell_type']=='markdown' and (m := re.match(r'# (.+)', source(c)))),
        path.stem)

def icon(path):
    "The drawn icon of a lesson of the course, as Markdown."
    name = path.stem.partition('_')[2]
    return f'![](images/icons/{name}.png) ' if (repo.NOTEBOOKS/'images'/'icons'/f'{name}.png').exists() and path.parent.name=='course' else ''

def lesson_map(link=lambda path: f'{repo.key(path)}.ipynb'):
    "The map of the lessons, chapter by chapter, as Markdown."
    parts = ['# Lessons', '', 'Start with the [tour]('+link(repo.NOTEBOOKS/'tour.ipynb')
        +'): ten minutes, no library code. The course needs one day. The other chapters are read as needed.']
    for chapter, heading in repo.CHAPTERS.items():
        found = [measure(p) for p in lessons() if p.parent.name==chapter]
        parts += ['', f'## {heading}', '', '| lesson | question | minutes |', '|---|---|---|']
        parts += [f'| {icon(l.path)}[{title(l.path)}]({link(l.path)}) | {l.promise} | {l.minutes} |' for l in found]
    return '\n'.join(parts)+'\n'

if __name__=='__main__':
    measured = [measure(p) for p in lessons()]
    print(table(measured))
    for chapter in repo.CHAPTERS:
        part = [l for l in measured if l.path.parent.name==chapter]
        print(f'{chapter}: {len(part)} lessons, {sum(l.total_words for l in part):,} words, '
            f'{sum(l.lines for l in part):,} lines of code, {sum(l.pictures for l in part)} pictures, '
            f'{sum(int(l.minutes or 0) for l in part)} minutes')
    failed = sum(any(l.shortcomings()) for l in measured)
    print(f'{len(measured)-failed} passed, {failed} failed')
    sys.exit(bool(failed))
