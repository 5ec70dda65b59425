"""The lessons as a reader uses them: JupyterLab, a real kernel, a real browser.

python tools/browser.py                     every lesson: runs all cells, moves every control, clicks at every map
python tools/browser.py nbs/tour.ipynb      only these
python tools/browser.py --self-test         tiny notebooks with a planted error and a planted dead slider: both must be caught

A control passes if the picture (or printed text) of its cell changes. Screenshots lie in runs/browser/. Sizes are those of the tests (IN_TEST=1).
Needs `playwright` and Debian's `chromium`, or another one named by CHROMIUM; closes with `N passed, N failed`, exit status 1 if any failed.
"""
import json, os, secrets, shutil, socket, subprocess, sys, tempfile, time, urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
import repo
from repo import NOTEBOOKS, ROOT

BIN = Path(sys.executable).parent
OUT = ROOT/'runs'/'browser'
PATIENCE = 60  # seconds to wait for an answer of the page; a slow machine needs them, a quick one does not notice

# what the page is asked: small functions in the page's own language
SIGNATURE = """cell => [...cell.querySelectorAll('.jp-Cell-outputWrapper img')].map(i => i.src).join()
    + [...cell.querySelectorAll('.jp-Cell-outputWrapper pre, .widget-html-content')].map(p => p.textContent).join()"""
CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(c => ({
    type: c.type, source: c.sharedModel.source.slice(0, 80), count: c.type === 'code' ? c.executionCount : null,
    error: c.type === 'code' ? c.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue).join() : ''}))"""
RUN = """async () => {
    const {commands, shell} = window.jupyterapp
    await commands.execute('notebook:clear-all-cell-outputs')
    await shell.currentWidget.sessionContext.ready
    await commands.execute('notebook:run-all-cells')}"""
BUSY = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status !== 'idle'"

def chromium():
    "The browser's program."
    names = [os.environ.get('CHROMIUM'), 'chromium', 'chromium-browser', 'google-chrome']
    found = next((w for n in names if n and (w := shutil.which(n))), None)
    return found or sys.exit('browser: no Chromium here; on Debian: apt-get install chromium; elsewhere set CHROMIUM '
        'to its program')

def place(path):
    "Where a copy of a notebook stands: as in the checkout, so that its links and paths hold."
    path = Path(path).resolve()
    return Path('nbs')/(path.relative_to(NOTEBOOKS) if NOTEBOOKS in path.parents else path.name)

def workplace(notebooks, out):
    "A folder like the checkout, with copies of the notebooks, so that running them changes nothing."
    shutil.rmtree(out, ignore_errors=True)
    work = out/'work'
    (work/'nbs').mkdir(parents=True)
    for p in ROOT.iterdir():
        if p.name not in ('nbs', 'runs', '.git', '.venv'): (work/p.name).symlink_to(p)
    for p in notebooks:
        (work/place(p)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(p, work/place(p))
    if (ROOT/'nbs'/'images').exists(): shutil.copytree(ROOT/'nbs'/'images', work/'nbs'/'images')
    return work

@contextmanager
def jupyterlab(work):
    "A server of its own, whose settings touch nobody's; yields its address."
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    token, home = secrets.token_hex(16), Path(tempfile.mkdtemp())
    # every cell is in the page, not only those in sight; no question about news lies over the buttons
    for name, settings in {'notebook-extension/tracker': dict(windowingMode='none'),
        'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False)}.items():
        path = home/'settings'/'@jupyterlab'/f'{name}.jupyterlab-settings'
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    folders = dict(JUPYTER_CONFIG_DIR='config', JUPYTER_DATA_DIR='data', JUPYTER_RUNTIME_DIR='runtime',
        IPYTHONDIR='ipython',
        JUPYTERLAB_SETTINGS_DIR='settings', JUPYTERLAB_WORKSPACES_DIR='workspaces')
    env = dict(os.environ, IN_TEST='1', OMP_NUM_THREADS='1', PATH=f'{BIN}:{os.environ["PATH"]}',
        **{k: str(home/v) for k, v in folders.items()})
    env.pop('MPLBACKEND', None)
    command = [str(BIN/'jupyter'), 'lab', '--allow-root', '--no-browser', '--ip=127.0.0.1', f'--port={port}',
        f'--IdentityProvider.token={token}',
        f'--ServerApp.root_dir={work}', '--LabApp.expose_app_in_browser=True']
    with open(work.parent/'jupyterlab.log', 'w') as log:
        server = subprocess.Popen(command, env=env, cwd=work, stdout=log, stderr=log)
    try:
        for _ in range(10*PATIENCE):
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{port}/api?token={token}', timeout=5)
                break
            except OSError:
                if server.poll() is not None:
                    sys.exit(f'browser: JupyterLab did not start; see {work.parent/"jupyterlab.log"}')
                time.sleep(.1)
        yield f'http://127.0.0.1:{port}', token
    finally:
        server.terminate()
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill()
        shutil.rmtree(home, ignore_errors=True)

class Lesson:
    "One notebook in one tab."
    def __init__(self, path, out):
        self.name, self.place, self.out, self.cells, self.moved, self.faults, self.foreign = '-'.join(place(path).with_suffix('').parts[1:]), place(path), out, 0, [], [], set()

    def open(self, browser, address, token):
        "A tab of its own, with the notebook in it and its kernel running."
        name, self.page = self.name, browser.new_page(viewport=dict(width=1400, height=1000))
        self.page.set_default_timeout(1000*PATIENCE)
        self.page.on('request', lambda r: self.foreign.add(r.url)
            if not r.url.startswith((address, 'blob:', 'data:', address.replace('http', 'ws'))) else None)
        self.page.goto(f'{address}/lab/workspaces/{name}/tree/{self.place}?reset&token={token}')
        self.page.wait_for_function('() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.isReady',
            timeout=2000*PATIENCE)

    def run(self):
        "All cells, as by the menu; an error output is a fault."
        self.page.set_default_timeout(10_000*PATIENCE)
        self.page.evaluate(RUN)
        self.page.set_default_timeout(1000*PATIENCE)
        self.idle()
        cells = self.page.evaluate(CELLS)
        self.cells = sum(c['count'] is not None for c in cells)
        self.faults += [f'error in {c["source"]!r}: {c["error"][:200]}' for c in cells if c['error']]
        if not self.faults and any(c['type']=='code' and c['source'].strip() and c['count'] is None for c in cells):
            self.faults.append('not all cells ran')

    def idle(self):
        "Wait until the kernel has nothing to do."
        for _ in range(10*PATIENCE):
            if not self.page.evaluate(BUSY): return
            time.sleep(.1)

    def changes(self, cell, act):
        "Whether `act` changes what the cell shows."
        before = cell.evaluate(SIGNATURE)
        act()
        for i in range(20*PATIENCE):
            if cell.evaluate(SIGNATURE)!=before: break
            # two seconds and an idle kernel: nothing will come
            if i>20 and not self.page.evaluate(BUSY): break
            time.sleep(.1)
        self.idle()
        time.sleep(.2)
        return cell.evaluate(SIGNATURE)!=before

    def must_change(self, cell, what, *ways):
        "One of several ways to move a control has to change the picture."
        self.moved.append(what)
        if not any(self.changes(cell, way) for way in ways): self.faults.append(f'dead: {what}')

    def controls(self):
        "Move everything that can be moved, cell by cell."
        for i, cell in enumerate(self.page.query_selector_all('.jp-CodeCell')):
            if not cell.query_selector('.jupyter-widgets'): continue
            cell.scroll_into_view_if_needed()
            self.slide(cell), self.choose(cell), self.press(cell)
            cell.screenshot(path=self.out/f'{self.name}-cell{i}.png')

    def slide(self, cell):
        for handle in cell.query_selector_all('.noUi-handle'):
            label = handle.evaluate("h => h.closest('.jupyter-widgets')?.querySelector('.widget-label')?.textContent "
                "?? ''")
            key = lambda *keys: lambda: (handle.focus(), [self.page.keyboard.press(k) for k in keys])
            self.must_change(cell, f'slider {label}', key('PageUp'), key('PageDown', 'PageDown'), key('Home'),
                key('End'))

    def choose(self, cell):
        for select in cell.query_selector_all('select'):
            options = select.evaluate('s => [...s.options].map(o => o.value)')
            now = select.evaluate('s => s.value')
            self.must_change(cell, f'menu of {len(options)}',
                *[lambda o=o: select.select_option(o) for o in options if o!=now])
        for box in cell.query_selector_all('input[type=checkbox]'): self.must_change(cell, 'checkbox', box.click)

    def press(self, cell):
        "Buttons, and maps that can be clicked, once for each way of clicking."
        toggles, image = cell.query_selector_all('.widget-toggle-button'), cell.query_selector('img[style*=crosshair]')
        at = lambda x, y: lambda: image.click(position={k: v*image.bounding_box()[n]
            for k, v, n in (('x', x, 'width'), ('y', y, 'height'))})
        for toggle in toggles:
            if not image: self.must_change(cell, f'toggle {toggle.inner_text()}', toggle.click)
            else:
                toggle.click()
                self.must_change(cell, f'click, {toggle.inner_text()}', at(.42, .35), at(.5, .6))
        for button in cell.query_selector_all('.widget-button:not(.widget-toggle-button)'):
            self.must_change(cell, f'button {button.inner_text()}', button.click)

    def close(self):
        self.page.screenshot(path=self.out/f'{self.name}.png')
        self.page.evaluate('() => window.jupyterapp.serviceManager.sessions.shutdownAll()')
        self.page.close()

def visit(notebooks, out=OUT, quiet=False):
    "name -> Lesson, after everything was run, moved and clicked."
    from playwright.sync_api import sync_playwright
    program, work, lessons = chromium(), workplace(notebooks, out), {}
    with jupyterlab(work) as (address, token), sync_playwright() as p:
        browser = p.chromium.launch(executable_path=program, args=['--no-sandbox', '--disable-dev-shm-usage'])
        for path in notebooks:
            start, lesson = time.time(), Lesson(path, out)
            lessons[lesson.name] = lesson
            try:
                lesson.open(browser, address, token)
                lesson.run()
                if not lesson.faults: lesson.controls()
            # this notebook's fault, not the next one's
            except Exception as e: lesson.faults.append(f'{type(e).__name__}: {str(e).splitlines()[0][:200]}')
            with suppress(Exception): lesson.close()
            if lesson.foreign: lesson.faults.append(f'asks other hosts: {sorted(lesson.foreign)[:3]}')
            if quiet: continue
            print(f'{lesson.name:24} {lesson.cells:4} cells run, {len(lesson.moved):3} controls moved, '
                f'{time.time()-start:4.0f} s: {"ok" if not lesson.faults else "FAILED"}', flush=True)
            for fault in lesson.faults: print(f'    {fault}', flush=True)
        browser.close()
    return lessons

def planted(folder):
    "Three tiny notebooks: a healthy one, one with an error, one with a dead slider."
    import nbformat
    picture = 'import matplotlib.pyplot as plt\nfrom ipywidgets import interact\n@interact(x=(0, 10))\ndef _(x=3):\n    plt.figure(figsize=(1, 1)); plt.plot([0, {}]); plt.show()'
    for name, source in dict(healthy=picture.format('x'), error='1/0', dead=picture.format(3)).items():
        cell = nbformat.v4.new_code_cell(source)
        nb = nbformat.v4.new_notebook(cells=[cell],
            metadata=dict(kernelspec=dict(name='python3', display_name='python3', language='python')))
        nbformat.write(nb, folder/f'{name}.ipynb')
        yield folder/f'{name}.ipynb'

def self_test():
    "(passed, failed): whether what was planted is caught, and nothing else."
    with tempfile.TemporaryDirectory() as folder:
        lessons = visit(list(planted(Path(folder))), OUT.with_name('browser-self-test'), quiet=True)
    verdicts = {'a healthy notebook passes, its slider moved': not lessons['healthy'].faults
        and lessons['healthy'].moved==['slider x'],
        'a planted error is caught': any('ZeroDivisionError' in f for f in lessons['error'].faults),
        'a planted dead slider is caught': lessons['dead'].faults==['dead: slider x']}
    for what, ok in verdicts.items(): print(f'browser: {what}: {"ok" if ok else "FAILED"}')
    if not all(verdicts.values()): print({n: l.faults for n, l in lessons.items()})
    return sum(verdicts.values()), len(verdicts)-sum(verdicts.values())

if __name__=='__main__':
    if '--self-test' in sys.argv: passed, failed = self_test()
    else:
        lessons = visit([Path(a) for a in sys.argv[1:]] or repo.lessons())
        failed = sum(bool(l.faults) for l in lessons.values())
        passed = len(lessons)-failed
        print(f'{sum(l.cells for l in lessons.values())} cells run, {sum(len(l.moved) for l in lessons.values())} '
            f'controls moved; screenshots in {OUT.relative_to(ROOT)}/')
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed) or not passed)
