"""Every test of the project, counted: notebooks under nbdev_test, the house check, the tests of the command line.

python tools/test.py         closes with `N passed, N failed`; exit status 1 if any failed
"""
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import house

ROOT, BIN = house.ROOT, Path(sys.executable).parent

def one_notebook(path):
    "Run a notebook in a process of its own, so that nothing leaks from one to the next."
    start = time.time()
    env = dict(os.environ, OMP_NUM_THREADS='1', MPLBACKEND='Agg')
    done = subprocess.run([str(BIN/'nbdev_test'), '--path', str(path), '--n_workers', '0', '--do_print'], cwd=ROOT, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ok = done.returncode==0 and 'No files were eligible' not in done.stdout
    print(f'notebook: {path.name}: {"ok" if ok else "FAILED"} ({time.time()-start:.0f} s)', flush=True)
    if not ok: print(done.stdout[-4000:], flush=True)
    return ok

def all_notebooks():
    paths = sorted(house.notebooks(), key=lambda p: -p.stat().st_size)
    with ThreadPoolExecutor(max(1, min(2, os.cpu_count() or 1))) as pool: results = list(pool.map(one_notebook, paths))
    return sum(results), len(results)-sum(results)

def command_line():
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', 'tests', '-p', 'no:cacheprovider'], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout if done.returncode else f'command line: {done.stdout.strip().splitlines()[-1]}', flush=True)
    count = lambda word: sum(map(int, re.findall(rf'(\d+) {word}', done.stdout.splitlines()[-1] if done.stdout else '')))
    return count('passed'), count('failed')+count('error')+(done.returncode not in (0, 1))

if __name__=='__main__':
    parts = [house.check(), all_notebooks(), command_line()]
    passed, failed = map(sum, zip(*parts))
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed) or not passed)
