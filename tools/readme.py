"""README.md from nbs/index.ipynb: Markdown as it stands, tables that cells printed, nothing hidden.

python tools/readme.py            writes README.md
python tools/readme.py --check    exit status 1 if README.md is not what the notebook says
"""
import json, os, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

def text_of(output):
    data = output.get('data', {})
    return ''.join(data.get('text/markdown', '') or output.get('text', '') or data.get('text/plain', ''))

def readme():
    parts = []
    for cell in json.loads((ROOT/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type']=='markdown': parts.append(source)
        elif '#| hide' not in source:
            if '#| echo: false' not in source: parts.append(f'```python\n{source}\n```')
            parts += [text_of(o) for o in cell['outputs']]
    page = '\n\n'.join(p.strip('\n') for p in parts if p.strip())+'\n'
    # links, seen from the top folder
    here = lambda m: f'{m[1]}{m[2] if re.match("https?:|#", m[2]) else os.path.normpath("nbs/"+m[2])}{m[3]}'
    text = re.sub(r'(\]\()([^)\s]+)(\))', here, page)
    return re.sub(r'(src=")([^"]+)(")', here, text)

if __name__=='__main__':
    path = ROOT/'README.md'
    if '--check' in sys.argv: sys.exit(path.read_text(encoding='utf-8')!=readme())
    path.write_text(readme(), encoding='utf-8')
