"""The site: lessons, every public function, results, datasets, glossary, equations; built without any network.

python tools/docs.py           pages into _proc/site, then mkdocs builds _docs/, then every link of it is checked
python tools/docs.py --check   only the links of what stands in _docs/

Lessons become Markdown as they are stored: prose, code, printed text, pictures. Formulas become MathML, which browsers draw themselves; no script or font comes from another host.
"""
import ast, base64, html, json, os, re, shutil, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
import lessons, repo
from repo import PACKAGE, ROOT, cells, module_name, modules, source

PAGES, SITE = ROOT/'_proc'/'site', ROOT/'_docs'
DOCUMENTS = {ROOT/'CHANGELOG.md': 'changelog.md', ROOT/'CONTRIBUTING.md': 'contributing.md',
    ROOT/'data'/'README.md': 'data.md', ROOT/'nbs'/'README.md': 'lessons.md',
    ROOT/'README.md': 'index.md', ROOT/'nbs'/'index.ipynb': 'index.md',
    **{p: p.name for p in (ROOT/'docs').glob('*.md')}}

# ---------------------------------------------------------------- formulas

def mathml(tex, display):
    "A formula as MathML; characters that Markdown would read are escaped."
    from latex2mathml.converter import convert
    out = convert(tex.strip(), display='block' if display else 'inline').replace('\n', ' ')
    return re.sub(r'[*_`\[\]\\]', lambda m: f'&#{ord(m[0])};', out)

def with_formulas(text):
    "Markdown with its $formulas$ as MathML; code is left alone."
    kept = []
    def keep(m):
        kept.append(m[0])
        return f'\0{len(kept)-1}\0'
    text = re.sub(r'^```.*?^```|`[^`\n]+`', keep, text, flags=re.S|re.M)
    text = re.sub(r'\$\$(.+?)\$\$', lambda m: f'\n\n<div class="formula">{mathml(m[1], True)}</div>\n\n', text,
        flags=re.S)
    text = re.sub(r'\$([^$\n]+?)\$', lambda m: mathml(m[1], False), text)
    return re.sub('\0(\\d+)\0', lambda m: kept[int(m[1])], text)

# ---------------------------------------------------------------- lessons

def page_of(path):
    "Where a file of the checkout stands on the site, or None."
    if path in DOCUMENTS: return DOCUMENTS[path]
    if path.suffix=='.ipynb' and repo.NOTEBOOKS in path.parents: return f'lessons/{repo.key(path)}.md'
    if (repo.NOTEBOOKS/'images') in path.parents: return str(path.relative_to(repo.NOTEBOOKS))

def relink(text, path):
    "Links of a file of the checkout as links between pages; what is no page of the site is named, not linked."
    here = os.path.dirname(page_of(path))
    def target(link):
        if re.match(r'https?:|mailto:|#', link): return link
        file, mark, anchor = link.partition('#')
        page = page_of((path.parent/unquote(file)).resolve())
        return page and os.path.relpath(page, here or '.')+mark+anchor
    def link(m): return f'[{m[1]}]({to})' if (to := target(m[2])) else m[1]
    text = re.sub(r'(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)', lambda m: m[1]+link((m[0], m[2], m[3])), text)
    return re.sub(r'src="([^"]+)"', lambda m: f'src="{target(m[1]) or m[1]}"', text)

def shown(output, path, folder, n):
    "An output as Markdown: a picture, a table, or text; (Markdown, pictures so far)."
    data = output.get('data', {})
    text = lambda k: ''.join(data.get(k, ''))
    if 'image/png' in data:
        (folder/f'{path.stem}-{n}.png').write_bytes(base64.b64decode(text('image/png')))
        return f'![picture {n+1}]({path.stem}-{n}.png)', n+1
    if 'text/html' in data:
        return '<div class="table">'+re.sub(r'<style.*?</style>', '', text('text/html'), flags=re.S).replace('\n',
            ' ')+'</div>', n
    if 'text/markdown' in data: return relink(text('text/markdown'), path), n
    plain = re.sub(r'\x1b\[[0-9;]*m', '', ''.join(output.get('text', '')) or text('text/plain'))
    if not plain.strip() or 'IPKernelApp' in plain: return '', n
    return f'<pre class="output">{html.escape(plain.rstrip()[:4000])}</pre>', n

def lesson(path, folder):
    "A stored notebook as a page."
    parts, n = [], 0
    for cell in cells(path):
        text = source(cell)
        if cell['cell_type']=='markdown':
            parts.append(relink(with_formulas(text), path))
            continue
        if re.match(r'\s*#\|\s*(hide|default_exp)', text): continue
        code = '\n'.join(l for l in text.split('\n') if not l.startswith('#|')).strip('\n')
        solution = re.match(r'# *Solution', code)
        block = f'```python\n{code}\n```'
        if solution: block = '??? success "Solution"\n'+'\n'.join('    '+l for l in block.split('\n'))
        if code: parts.append(block)
        for output in cell['outputs']:
            one, n = shown(output, path, folder, n)
            if one: parts.append(one)
    module, up = repo.exported(path), '../'*(len(path.relative_to(repo.NOTEBOOKS).parts))
    parts.append(f'\n---\nThis page is `nbs/{repo.key(path)}.ipynb`'+(f'; its functions: '
        f'[{module}]({up}api/{module}.md).' if module else '.'))
    (folder/f'{path.stem}.md').write_text('\n\n'.join(parts)+'\n', encoding='utf-8')
    return n

# ---------------------------------------------------------------- functions

def comments(path):
    "line number -> the comment that ends it, or the comment lines right above it."
    lines = path.read_text(encoding='utf-8').split('\n')
    found, above = {}, []
    for i, l in enumerate(lines, 1):
        if m := re.match(r'\s*#\s?(.*)$', l): above.append(m[1].strip()); continue
        if m := re.search(r'#\s?([^#\'"]*.*)$', l): found[i] = m[1].strip()
        elif above and ':' in l: found[i] = ' '.join(above)
        above = []
    return found

def cell_text(text):
    "Text that may stand in a cell of a table; code in backticks stays code."
    escaped = re.split(r'(`[^`]*`)', text)
    for i in range(0, len(escaped), 2):
        escaped[i] = html.escape(escaped[i], quote=False).replace('*', '&#42;').replace('_', '&#95;')
    return ''.join(escaped).replace('|', '&#124;')

def parameters(node, notes):
    "Rows of the table of a function's parameters, read from the comments beside them."
    a = node.args
    defaults = dict(zip([x.arg for x in a.args][len(a.args)-len(a.defaults):], a.defaults)) | {x.arg: d
        for x, d in zip(a.kwonlyargs, a.kw_defaults) if d}
    for x in (*a.args, *filter(None, [a.vararg]), *a.kwonlyargs):
        if x.arg in ('self', 'cls'): continue
        kind, default = (ast.unparse(n) if n else '' for n in (x.annotation, defaults.get(x.arg)))
        yield x.arg, kind, default, notes.get(x.lineno, '')
    if node.returns: yield '**returns**', ast.unparse(node.returns), '', notes.get(node.returns.end_lineno, '')

def fields(node, notes):
    "Rows of the table of a dataclass or named tuple."
    for x in node.body:
        if isinstance(x, ast.AnnAssign):
            yield x.target.id, ast.unparse(x.annotation), ast.unparse(x.value) if x.value else '', notes.get(x.lineno,
                '')

def entry(node, notes, name=None, level='##'):
    "One public function or class."
    name = name or node.name
    parts = [f'{level} {name}', cell_text((ast.get_docstring(node) or '').strip())]
    function = isinstance(node, ast.FunctionDef)
    rows = list(parameters(node, notes) if function else fields(node, notes))
    if rows:
        code = lambda s: f'`{s}`' if s and '|' not in s else f'<code>{cell_text(s)}</code>' if s else ''
        table = [f'| {n if n.startswith("**") else code(n)} | {code(t)} | {code(d)} | {cell_text(note)} |'
            for n, t, d, note in rows]
        parts.append('\n'.join(['| name | type | default | meaning |', '|---|---|---|---|', *table]))
    for x in [] if function else node.body:
        if isinstance(x, ast.FunctionDef) and x.name=='__init__':
            parts.append('\n'.join(entry(x, notes, f'{name}.__init__', '###').split('\n')))
        elif isinstance(x, ast.FunctionDef) and not x.name.startswith('_'):
            parts.append(entry(x, notes, f'{name}.{x.name}', '###'))
    return '\n\n'.join(p for p in parts if p)

def api(path, folder, lesson):
    "The page of a module: what it says, and everything public in it."
    parsed, notes, name = ast.parse(path.read_text(encoding='utf-8')), comments(path), module_name(path)
    parts = [f'# {name}', ast.get_docstring(parsed) or '', f'Lesson: '
        f'[{repo.key(lesson)}](../lessons/{repo.key(lesson)}.md)' if lesson else '']
    for node in parsed.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
        patched = isinstance(node, ast.FunctionDef) and any('patch' in ast.unparse(d) for d in node.decorator_list)
        parts.append(entry(node, notes, f'{ast.unparse(node.args.args[0].annotation)}.{node.name}' if patched
            else None))
    (folder/f'{name}.md').write_text('\n\n'.join(p for p in parts if p)+'\n', encoding='utf-8')

# ---------------------------------------------------------------- all pages

def write_pages():
    "Everything that mkdocs reads."
    shutil.rmtree(PAGES, ignore_errors=True)
    for d in ('lessons', 'api', 'stylesheets', *(f'lessons/{c}' for c in repo.CHAPTERS)): (PAGES/d).mkdir(parents=True)
    shutil.copytree(ROOT/'nbs'/'images', PAGES/'images')
    for path, page in DOCUMENTS.items():
        if path.suffix=='.ipynb': continue
        front = '---\nhide: [navigation]\n---\n' if page=='index.md' else ''
        (PAGES/page).write_text(front+relink(with_formulas(path.read_text(encoding='utf-8')), path), encoding='utf-8')
    for p in repo.lessons(): lesson(p, PAGES/'lessons'/('' if p.parent==repo.NOTEBOOKS else p.parent.name))
    lesson_of = repo.lesson_of()
    for p in modules(): api(p, PAGES/'api', lesson_of.get(module_name(p)))
    names = [module_name(p) for p in modules()]
    said = lambda p: ast.get_docstring(ast.parse(p.read_text(encoding='utf-8'))) or ''
    (PAGES/'api.md').write_text('# Functions\n\nBy sub-package and module.\n\n'
        +'\n'.join(f'- [{module_name(p)}](api/{module_name(p)}.md): {said(p)}' for p in modules())+'\n',
        encoding='utf-8')
    (PAGES/'stylesheets'/'site.css').write_text(CSS, encoding='utf-8')
    chapter = lambda c: {repo.CHAPTERS[c].partition(':')[0]: [{lessons.title(p): f'lessons/{repo.key(p)}.md'}
        for p in repo.lessons() if p.parent.name==c]}
    nav = [dict(Start='index.md'),
        dict(Lessons=['lessons.md', dict(Tour='lessons/tour.md'), *map(chapter, repo.CHAPTERS)]),
        dict(Results='results.md'),
        dict(Functions=['api.md', *(f'api/{n}.md' for n in names)]), dict(Data='data.md'),
        dict(Reference=['glossary.md', 'bibliography.md', 'equations.md', 'deviations.md', 'contributing.md',
        'changelog.md'])]
    (PAGES.parent/'mkdocs.yml').write_text(json.dumps(dict(INHERIT='../mkdocs.yml', docs_dir='site',
        site_dir='../_docs', nav=nav)), encoding='utf-8')

CSS = '''
.md-typeset .formula { overflow-x: auto; margin: 1em 0; }
.md-typeset pre.output { background: none; border-left: .2rem solid var(--md-default-fg-color--lightest); margin: -.6em 0 1em; padding: .2em .8em;
  overflow-x: auto; font-size: .62rem; line-height: 1.35; font-family: monospace; white-space: pre; }
.md-typeset div.table { overflow-x: auto; font-size: .68rem; }
.md-typeset img { max-width: 100%; height: auto; background: white; }
.md-typeset table:not([class]) { font-size: .66rem; }
.md-typeset table:not([class]) td, .md-typeset table:not([class]) th { padding: .4em .7em; min-width: 3rem; }
.md-typeset table:not([class]) td code { word-break: normal; }
.md-typeset table:not([class]) td img { min-width: 5rem; }
math { font-size: 1.05em; }
'''

# ---------------------------------------------------------------- links

class Links(HTMLParser):
    "What a page asks for, and the anchors that it has."
    def __init__(self, text):
        super().__init__()
        self.links, self.needed, self.anchors = [], [], set()
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if a.get('id'): self.anchors.add(a['id'])
        if tag=='a' and a.get('name'): self.anchors.add(a['name'])
        if tag=='a' and a.get('href'): self.links.append(a['href'])
        if tag in ('img', 'script', 'iframe', 'source', 'video') and a.get('src'): self.needed.append(a['src'])
        if tag=='link' and a.get('href') and a.get('rel') not in ('canonical',): self.needed.append(a['href'])

def broken():
    "Every link that leads nowhere, and everything that a page would fetch from another host."
    read = {p: Links(p.read_text(encoding='utf-8')) for p in SITE.rglob('*.html')}
    for page, found in read.items():
        for link, fetched in [(l, False) for l in found.links]+[(l, True) for l in found.needed]:
            parts = urlsplit(link)
            if parts.scheme in ('http', 'https') or link.startswith('//'):
                if fetched: yield page, link, 'another host'
                continue
            if parts.scheme in ('mailto', 'data', 'javascript'): continue
            if page.name=='404.html': continue                                # its links begin at the root of a server
            target = (page.parent/unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir(): target = target/'index.html'
            if not target.exists(): yield page, link, 'no such page'
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors:
                yield page, link, 'no such place'

def check():
    "Print every broken link; (pages, broken)."
    faults = list(broken())
    for page, link, why in faults[:40]: print(f'    {page.relative_to(SITE)}: {link}: {why}')
    n = len(list(SITE.rglob('*.html')))
    print(f'docs: {n} pages, {len(faults)} broken links or foreign requests')
    return n, len(faults)

if __name__=='__main__':
    if '--check' not in sys.argv:
        write_pages()
        env = dict(os.environ, NO_MKDOCS_2_WARNING='1')
        subprocess.run([str(Path(sys.executable).parent/'mkdocs'), 'build', '-q', '-f',
            str(PAGES.parent/'mkdocs.yml')], check=True, env=env)
    n, faults = check()
    print(f'site: {SITE.relative_to(ROOT)}/index.html')
    sys.exit(bool(faults) or not n)
