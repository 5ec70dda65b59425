"""Execute notebooks from top to bottom in a fresh kernel and store what they show.

python tools/figures.py nbs/course/07_planner.ipynb ...     default: every notebook

Stored output is what a reader on a code host sees: pictures and text. State of widgets is left out, for it needs a kernel and changes with every run.
"""
import base64, io, os, re, sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from PIL import Image
from repo import notebooks

def smaller(
    png:str, # base64, as a notebook stores it
)->str:
    "The same picture with the 256 colours that it needs most, in about a third of the bytes; a transparent one as it is."
    image, out = Image.open(io.BytesIO(base64.b64decode(png))).convert('RGBA'), io.BytesIO()
    if image.getextrema()[3][0]<255: return png
    image.convert('RGB').quantize(256, dither=Image.Dither.NONE).save(out, 'PNG', optimize=True)
    return min(png, base64.b64encode(out.getvalue()).decode(), key=len)

def execute(path):
    "Run one notebook in its folder and write it back."
    nb = nbformat.read(path, as_version=4)
    NotebookClient(nb, timeout=600, kernel_name='python3',
        resources=dict(metadata=dict(path=str(path.parent)))).execute()
    nb.metadata.pop('widgets', None)
    for cell in nb.cells:
        if cell.cell_type!='code': continue
        widgets = any('application/vnd.jupyter.widget-view+json' in o.get('data', {}) for o in cell.outputs)
        cell.outputs = [o for o in cell.outputs if not re.fullmatch(r'(\s|\x1b\[2K)*', o.get('text', 'x'))]
        for o in cell.outputs: o.get('data', {}).pop('application/vnd.jupyter.widget-view+json', None)
        if widgets: cell.outputs = [o for o in cell.outputs if 'image/png' not in o.get('data', {})]
        for o in cell.outputs:
            if 'image/png' in o.get('data', {}): o.data['image/png'] = smaller(o.data['image/png'])
    nbformat.write(nb, path)

if __name__=='__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    os.environ.pop('MPLBACKEND', None)
    for path in map(Path, sys.argv[1:] or notebooks()):
        execute(path)
        print(path, path.stat().st_size//1000, 'KB', flush=True)
