"""Every test of the project, counted: notebooks under nbdev_test, the house check, the tests of the command line.

python tools/test.py         closes with `N passed, N failed`; exit status 1 if any failed
"""
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import house, repo

ROOT, BIN = house.ROOT, Path(sys.executable).parent
ONE_CORE = dict(os.environ, OMP_NUM_THREADS='1', MPLBACKEND='Agg')  # two jobs run side by side

def one_notebook(path):
    "Run a notebook in a process of its own, so that nothing leaks from one to the next; how many passed and failed."
    start = time.time()
    done = subprocess.run([str(BIN/'nbdev_test'), '--path', str(path), '--n_workers', '0', '--do_print'], cwd=ROOT,
        env=ONE_CORE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ok = done.returncode==0 and 'No files were eligible' not in done.stdout
    print(f'notebook: {repo.key(path)}: {"ok" if ok else "FAILED"} ({time.time()-start:.0f} s)', flush=True)
    if not ok: print(done.stdout[-4000:], flush=True)
    return ok, not ok

def one_file(path):
    "Run one file of tests; how many passed and failed."
    start = time.time()
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', str(path), '-p', 'no:cacheprovider'], cwd=ROOT,
        env=ONE_CORE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = (done.stdout.strip().splitlines() or [''])[-1]
    print(f'{path.name}: {last} ({time.time()-start:.0f} s)' if done.returncode==0 else done.stdout, flush=True)
    count = lambda word: sum(map(int, re.findall(rf'(\d+) {word}', last)))
    failed = count('failed')+count('error')
    return count('passed'), failed or int(done.returncode!=0)   # a file that could not be counted has failed

def everything():
    "Notebooks and files of tests, two at a time, the long ones first."
    jobs = [(one_file, p) for p in sorted((ROOT/'tests').glob('test_*.py'), key=lambda p: -p.stat().st_size)]
    jobs += [(one_notebook, p) for p in sorted(repo.notebooks(), key=lambda p: -p.stat().st_size)]
    with ThreadPoolExecutor(max(1, min(2, os.cpu_count() or 1))) as pool:
        return list(pool.map(lambda job: job[0](job[1]), jobs))

if __name__=='__main__':
    parts = [house.check(), *everything()]
    passed, failed = map(sum, zip(*parts))
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed) or not passed)
