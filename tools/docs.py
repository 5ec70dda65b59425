"""The site: lessons, every public function, results, datasets, glossary, equations; built without any network.

python tools/docs.py           pages into _proc/site, then mkdocs builds _docs/, then every link of it is checked
python tools/docs.py --check   only the links of what stands in _docs/

Lessons become Markdown as they are stored: prose, code, printed text, pictures. Formulas become MathML, which browsers draw themselves; no script or font comes from another host.
"""
import ast, base64, html, json, os, re, shutil, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from house import ORDER, PACKAGE, ROOT, cells, notebooks, source
import equations, lessons

PAGES, SITE = ROOT/'_proc'/'site', ROOT/'_docs'

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
    text = re.sub(r'\$\$(.+?)\$\$', lambda m: f'\n\n<div class="formula">{mathml(m[1], True)}</div>\n\n', text, flags=re.S)
    text = re.sub(r'\$([^$\n]+?)\$', lambda m: mathml(m[1], False), text)
    return re.sub('\0(\\d+)\0', lambda m: kept[int(m[1])], text)

# ---------------------------------------------------------------- lessons

def relink(text, up=''):
    "Links between notebooks, and those to files of the checkout, as links between pages."
    text = re.sub(r'\]\((?:nbs/)?(\d\d_\w+)\.ipynb(#[^)]*)?\)', rf']({up}lessons/\1.md)', text)
    text = re.sub(r'\]\((?:nbs/)?index\.ipynb\)', rf']({up}index.md)', text)
    text = re.sub(r'(\]\(|src=")(?:\.\./)?(?:nbs/)?images/', rf'\1{up}images/', text)
    text = re.sub(r'\]\((?:\.\./)?data/README\.md(#[^)]*)?\)', rf']({up}data.md\1)', text)
    return re.sub(r'\]\((?:\.\./)?(CHANGELOG|CONTRIBUTING|GLOSSARY)(?:\.md)?\)', lambda m: f']({up}{m[1].lower()}.md)', text)

def shown(output, folder, stem, n):
    "An output as Markdown: a picture, a table, or text; (Markdown, pictures so far)."
    data = output.get('data', {})
    text = lambda k: ''.join(data.get(k, ''))
    if 'image/png' in data:
        (folder/f'{stem}-{n}.png').write_bytes(base64.b64decode(text('image/png')))
        return f'![picture {n+1} of {stem[3:]}]({stem}-{n}.png)', n+1
    if 'text/html' in data: return '<div class="table">'+re.sub(r'<style.*?</style>', '', text('text/html'), flags=re.S).replace('\n', ' ')+'</div>', n
    if 'text/markdown' in data: return relink(text('text/markdown'), '../'), n
    plain = re.sub(r'\x1b\[[0-9;]*m', '', ''.join(output.get('text', '')) or text('text/plain'))
    if not plain.strip() or 'IPKernelApp' in plain: return '', n
    return f'<pre class="output">{html.escape(plain.rstrip()[:4000])}</pre>', n

def lesson(path, folder):
    "A stored notebook as a page."
    parts, n = [], 0
    for cell in cells(path):
        text = source(cell)
        if cell['cell_type']=='markdown':
            parts.append(relink(with_formulas(text), '../'))
            continue
        if re.match(r'\s*#\|\s*(hide|default_exp)', text): continue
        code = '\n'.join(l for l in text.split('\n') if not l.startswith('#|')).strip('\n')
        solution = code.startswith('# Solution')
        block = f'```python\n{code}\n```'
        if solution: block = '??? success "Solution"\n'+'\n'.join('    '+l for l in block.split('\n'))
        if code: parts.append(block)
        for output in cell['outputs']:
            one, n = shown(output, folder, path.stem, n)
            if one: parts.append(one)
    parts.append(f'\n---\nThis page is `nbs/{path.name}`; its functions: [{path.stem[3:]}](../api/{path.stem[3:]}.md).' if (PACKAGE/f'{path.stem[3:]}.py').exists() else '')
    (folder/f'{path.stem}.md').write_text('\n\n'.join(parts)+'\n', encoding='utf-8')
    return n

# ---------------------------------------------------------------- functions

def comments(path):
    "line number -> the comment that ends it."
    found = {i: re.search(r'#\s?([^#\'"]*.*)$', l) for i, l in enumerate(path.read_text(encoding='utf-8').split('\n'), 1)}
    return {i: m[1].strip() for i, m in found.items() if m}

def cell_text(text):
    "Text that may stand in a cell of a table; code in backticks stays code."
    escaped = re.split(r'(`[^`]*`)', text)
    for i in range(0, len(escaped), 2): escaped[i] = html.escape(escaped[i], quote=False).replace('*', '&#42;').replace('_', '&#95;')
    return ''.join(escaped).replace('|', '&#124;')

def parameters(node, notes):
    "Rows of the table of a function's parameters, read from the comments beside them."
    a = node.args
    defaults = dict(zip([x.arg for x in a.args][len(a.args)-len(a.defaults):], a.defaults)) | {x.arg: d for x, d in zip(a.kwonlyargs, a.kw_defaults) if d}
    for x in (*a.args, *filter(None, [a.vararg]), *a.kwonlyargs):
        if x.arg in ('self', 'cls'): continue
        kind, default = (ast.unparse(n) if n else '' for n in (x.annotation, defaults.get(x.arg)))
        yield x.arg, kind, default, notes.get(x.lineno, '')
    if node.returns: yield '**returns**', ast.unparse(node.returns), '', notes.get(node.returns.end_lineno, '')

def fields(node, notes):
    "Rows of the table of a dataclass or named tuple."
    for x in node.body:
        if isinstance(x, ast.AnnAssign): yield x.target.id, ast.unparse(x.annotation), ast.unparse(x.value) if x.value else '', notes.get(x.lineno, '')

def entry(node, notes, name=None, level='##'):
    "One public function or class."
    name = name or node.name
    parts = [f'{level} {name}', cell_text((ast.get_docstring(node) or '').strip())]
    function = isinstance(node, ast.FunctionDef)
    rows = list(parameters(node, notes) if function else fields(node, notes))
    if rows:
        code = lambda s: f'`{s}`' if s and '|' not in s else f'<code>{cell_text(s)}</code>' if s else ''
        table = [f'| {n if n.startswith("**") else code(n)} | {code(t)} | {code(d)} | {cell_text(note)} |' for n, t, d, note in rows]
        parts.append('\n'.join(['| name | type | default | meaning |', '|---|---|---|---|', *table]))
    for x in [] if function else node.body:
        if isinstance(x, ast.FunctionDef) and x.name=='__init__': parts.append('\n'.join(entry(x, notes, f'{name}.__init__', '###').split('\n')))
        elif isinstance(x, ast.FunctionDef) and not x.name.startswith('_'): parts.append(entry(x, notes, f'{name}.{x.name}', '###'))
    return '\n\n'.join(p for p in parts if p)

def api(path, folder):
    "The page of a module: what it says, and everything public in it."
    tree, notes = ast.parse(path.read_text(encoding='utf-8')), comments(path)
    nb = next((p for p in notebooks() if p.stem[3:]==path.stem), None)
    parts = [f'# {path.stem}', ast.get_docstring(tree) or '', f'Lesson: [{nb.stem[3:]}](../lessons/{nb.stem}.md)' if nb else '']
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
        patched = isinstance(node, ast.FunctionDef) and any('patch' in ast.unparse(d) for d in node.decorator_list)
        parts.append(entry(node, notes, f'{ast.unparse(node.args.args[0].annotation)}.{node.name}' if patched else None))
    (folder/f'{path.stem}.md').write_text('\n\n'.join(p for p in parts if p)+'\n', encoding='utf-8')

# ---------------------------------------------------------------- the other pages

def lessons_page():
    "The map of the lessons: picture, question, minutes."
    picture = lambda stem: f'![{stem[3:]}](images/thumbs/{stem}.png)' if (lessons.THUMBS/f'{stem}.png').exists() else ''
    rows = [f'| {picture(l.path.stem)} | [{l.path.stem[3:]}](lessons/{l.path.stem}.md) | {l.promise} | {l.minutes} |' for l in map(lessons.measure, notebooks()) if l.path.stem[:2].isdigit()]
    return '\n'.join(['# Lessons', '', 'In reading order; each imports only what stands above it.', '', '| | lesson | what for | minutes |', '|---|---|---|---|', *rows])

def pages():
    "Everything that mkdocs reads."
    shutil.rmtree(PAGES, ignore_errors=True)
    for d in ('lessons', 'api', 'stylesheets'): (PAGES/d).mkdir(parents=True)
    shutil.copytree(ROOT/'nbs'/'images', PAGES/'images')
    readme = (ROOT/'README.md').read_text(encoding='utf-8')
    (PAGES/'index.md').write_text('---\nhide: [navigation]\n---\n'+relink(readme), encoding='utf-8')
    results = re.search(r'^## Results.*?(?=^## (?!#))', readme, flags=re.S|re.M)
    (PAGES/'results.md').write_text(relink(results[0].replace('## Results', '# Results', 1) if results else '# Results'), encoding='utf-8')
    for name in ('CHANGELOG', 'CONTRIBUTING'): (PAGES/f'{name.lower()}.md').write_text(relink((ROOT/f'{name}.md').read_text(encoding='utf-8')), encoding='utf-8')
    (PAGES/'data.md').write_text((ROOT/'data'/'README.md').read_text(encoding='utf-8'), encoding='utf-8')
    (PAGES/'glossary.md').write_text(relink(with_formulas((ROOT/'GLOSSARY.md').read_text(encoding='utf-8'))), encoding='utf-8')
    (PAGES/'equations.md').write_text(relink(with_formulas(equations.page())), encoding='utf-8')
    for p in notebooks():
        if p.stem[:2].isdigit(): lesson(p, PAGES/'lessons')
    for name in ORDER: api(PACKAGE/f'{name}.py', PAGES/'api') if (PACKAGE/f'{name}.py').exists() else None
    (PAGES/'lessons.md').write_text(lessons_page(), encoding='utf-8')
    names = [n for n in ORDER if (PAGES/'api'/f'{n}.md').exists()]
    (PAGES/'api.md').write_text('# Functions\n\nBy module, in the order in which they import each other.\n\n'+'\n'.join(f'- [{n}](api/{n}.md): {ast.get_docstring(ast.parse((PACKAGE/(n+".py")).read_text(encoding="utf-8")))}' for n in names)+'\n', encoding='utf-8')
    (PAGES/'stylesheets'/'site.css').write_text(CSS, encoding='utf-8')
    nav = [dict(Start='index.md'), dict(Lessons=['lessons.md']+[f'lessons/{p.stem}.md' for p in notebooks() if p.stem[:2].isdigit()]),
        dict(Functions=['api.md']+[f'api/{n}.md' for n in names]), dict(Results='results.md'), dict(Data='data.md'),
        dict(Reference=['glossary.md', 'equations.md', 'contributing.md', 'changelog.md'])]
    (PAGES.parent/'mkdocs.yml').write_text(json.dumps(dict(INHERIT='../mkdocs.yml', docs_dir='site', site_dir='../_docs', nav=nav)), encoding='utf-8')

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
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors: yield page, link, 'no such place'

def check():
    "Print every broken link; (pages, broken)."
    faults = list(broken())
    for page, link, why in faults[:40]: print(f'    {page.relative_to(SITE)}: {link}: {why}')
    n = len(list(SITE.rglob('*.html')))
    print(f'docs: {n} pages, {len(faults)} broken links or foreign requests')
    return n, len(faults)

if __name__=='__main__':
    if '--check' not in sys.argv:
        pages()
        env = dict(os.environ, NO_MKDOCS_2_WARNING='1')
        subprocess.run([str(Path(sys.executable).parent/'mkdocs'), 'build', '-q', '-f', str(PAGES.parent/'mkdocs.yml')], check=True, env=env)
    n, faults = check()
    print(f'site: {SITE.relative_to(ROOT)}/index.html')
    sys.exit(bool(faults) or not n)
