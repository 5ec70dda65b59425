"Benchmarks as a user meets them: killed again and again, resumed, refused, failing in one place, on one worker or two, on two nodes of which one dies."
import json, os, shutil, signal, subprocess, sys, time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
import pandas as pd, pytest
import goplan_nb.lab.bench as bench
from goplan_nb.lab.bench import Experiment, run_experiments
from conftest import refused
from goplan_nb.lab.cli import main
from goplan_nb.data.files import checksum, load_episodes
from goplan_nb.goplan import GOPlan
from goplan_nb.plan.planner import PlanConfig
from goplan_nb.lab.report import read_results
from goplan_nb.envs.tasks import get_task
from goplan_nb.lab.train import preset

def tiny(method, **changes):
    "A config of a few seconds."
    c = preset(method, 'laptop')
    if method=='goplan':
        c = replace(c, prior=replace(c.prior, hidden=16, noise_dim=4), dynamics_hidden=16, pretrain_updates=40,
            iterations=2, finetune_updates=10,
            plan=replace(c.plan, candidates=3, copies=2, lookahead=2),
            reanalysis=replace(c.reanalysis, intra=4, inter=4))
    else: c = replace(c, hidden=16, updates=60)
    return replace(c, batch_size=32, **changes)

def some(data, seeds=(0, 1), methods=('bc', 'gcsl', 'goplan')):
    "Experiments of a few seconds, one per method."
    actors, eval_tasks = dict(goplan=('pretrained', 'policy', 'planner')), (('PointRooms', 0.), ('PointRooms', .5))
    return [Experiment('table1', m, 'PointRooms', data.stem, data, 'laptop', tiny(m), seeds, actors.get(m, ('policy',)),
        eval_tasks, 3) for m in methods]

SCRIPT = '''import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_bench import run_experiments, some
print(run_experiments(Path({out!r}), some(Path({data!r}))[::-1], workers=1))
'''

@pytest.fixture(scope='session')
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp('data')/'PointRooms.npz'
    assert main(['collect', 'PointRooms', '--episodes', '40', '--out', str(path)])==0
    return path

@pytest.fixture(scope='session')
def whole(data, tmp_path_factory):
    "An undisturbed run on two workers."
    out = tmp_path_factory.mktemp('bench')/'whole'
    assert run_experiments(out, some(data), workers=2)==[]
    return out

def values(out):
    "The results as text, but for the commit, which may change while a long benchmark runs."
    return {p.name: pd.read_csv(p, dtype=str).drop(columns='commit').to_csv()
        for p in sorted(Path(out).glob('experiments/*.csv'))}

def wait_for(condition, process, seconds=300):
    "Until the condition holds; the process must still be at work then."
    end = time.time()+seconds
    while not condition():
        assert process.poll() is None and time.time()<end, process.communicate()
        time.sleep(.02)

def test_killed_three_times_gives_the_same_bytes_as_undisturbed_also_in_another_order_on_one_worker(data, whole,
    tmp_path):
    out = tmp_path/'torn'
    start = lambda: subprocess.Popen([sys.executable, '-c',
        SCRIPT.format(here=str(Path(__file__).parent), out=str(out), data=str(data))],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # in the middle of a training
    moments = (lambda: list(out.glob('work/*goplan*/checkpoint.safetensors')),
               lambda: list(out.glob('work/*goplan*/pretrained.safetensors')),               # before the evaluation
               # between two experiments
               lambda: list(out.glob('experiments/*goplan*.csv')) and list(out.glob('work/*gcsl*')))
    for moment in moments:
        process = start()
        wait_for(moment, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    written = {p: p.stat().st_mtime_ns for p in out.glob('experiments/*.csv')}
    assert written
    process = start()
    said, errors = process.communicate(timeout=300)
    assert process.returncode==0 and said.strip()=='[]', errors
    assert values(out)==values(whole) and len(values(out))==3
    # nothing finished was computed again
    assert {p: p.stat().st_mtime_ns for p in written}==written
    assert not list(out.glob('work/*'))                                                      # weights are gone

def test_workers_end_with_the_process_that_started_them(data, tmp_path):
    out = tmp_path/'orphan'
    process = subprocess.Popen([sys.executable, '-c',
        SCRIPT.format(here=str(Path(__file__).parent), out=str(out), data=str(data))], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    wait_for(lambda: list(out.glob('work/*/lock')), process)
    process.kill()                                                                           # the parent alone
    process.wait()
    import fcntl
    with open(next(out.glob('work/*/lock')), 'w') as f:
        for _ in range(100):
            try: fcntl.flock(f, fcntl.LOCK_EX|fcntl.LOCK_NB); break
            except OSError: time.sleep(.1)
        else: raise AssertionError('the worker goes on without its parent')

def test_rows_say_what_they_are(whole):
    rows, metadata_of, failed = read_results(whole)
    tests = rows[rows.metric=='return']
    assert not failed and set(tests.groupby(['experiment', 'actor', 'noise', 'seed']).size())=={3}
    assert set(tests[tests.method=='goplan'].actor)=={'pretrained', 'policy',
        'planner'} and (tests.value%1==0).all() and tests['last'].isin([0, 1]).all()
    assert set(tests[tests.actor=='pretrained'].step)=={40} and set(tests[tests.actor=='planner'].step)=={60}
    metadata = next(iter(metadata_of.values()))
    assert len(metadata['experiment']['data']['sha256'])==64 and metadata['versions']['torch'] and metadata['data']['return_mean']>0

def test_planners_and_attribution_evaluate_one_agent_in_many_ways(data, tmp_path, capsys, monkeypatch):
    "The commands, not only their experiments: they print a table and describe the settings of each planner."
    short = PlanConfig(candidates=2, copies=1, lookahead=1, bootstrap=True)
    plans = {'long': PlanConfig(candidates=3, copies=2, lookahead=2), 'one-step': replace(short, lookahead=0),
        'free': short}
    monkeypatch.setattr(bench, 'PLANS', plans)
    how = ['--tasks', 'PointRooms', '--data', str(data), '--seeds', '0', '--updates', '20', '--batch-size', '16',
        '--episodes', '1', '--workers', '1', '--out', str(tmp_path)]
    assert main(['bench', 'planners', *how])==0 and main(['bench', 'attribution', *how])==0
    said = capsys.readouterr().out
    assert 'GOPlan2, one-step plus' in said and 'GOPlan2, true environment plus' in said
    rows, metadata_of, _ = read_results(tmp_path)
    assert set(rows[rows.bench=='attribution'].actor.dropna()) >= {'policy', 'planner', 'planner:free', 'simulator'}
    planned = next(m for m in metadata_of.values() if m['bench']=='planners')['experiment']['plans']
    assert planned['one-step']['lookahead']==0 and planned['long']['candidates']==3
    assert set(planned)=={a.removeprefix('planner:') for a in rows.actor.unique() if ':' in str(a)}

def test_a_margin_that_training_did_not_need_is_measured_before_it_is_planned_with(data, tmp_path, monkeypatch):
    plans = {n: PlanConfig(candidates=2, copies=1, lookahead=1, bootstrap=True, margin=m)
        for n, m in (('free', 0.), ('careful', 2.))}
    monkeypatch.setattr(bench, 'PLANS', plans)
    seen, measure = [], GOPlan.measure
    monkeypatch.setattr(GOPlan, 'measure', lambda self, data, n=2048: seen.append(self.config.plan)
        or measure(self, data, n))
    episodes, _ = load_episodes(data, get_task('PointRooms'))
    experiment = replace(some(data, (0,), ('goplan',))[0], actors=('policy', 'planner:free', 'planner:careful'),
        config=tiny('goplan', pretrain_updates=10, iterations=0))
    text = bench.run_experiment(experiment.description(checksum(episodes)), tmp_path/'run', episodes)
    assert seen==[plans['careful']] and 'planner:careful' in text

def test_a_failing_experiment_is_recorded_and_the_others_go_on(data, tmp_path, capsys):
    good = some(data, methods=('bc',))[0]
    # no number: found out in the worker
    bad = replace(good, method='gcsl', config=tiny('gcsl'), eval_tasks=(('PointRooms', 'much'),))
    assert run_experiments(tmp_path, [bad, good], workers=2)==[bad.name]
    assert 'Traceback' in (tmp_path/'failed'/f'{bad.name}.txt').read_text() and list(values(tmp_path))==[f'{good.name}.csv']
    assert main(['report', str(tmp_path)])==0
    assert 'Traceback' in (tmp_path/'report.html').read_text()

@pytest.mark.parametrize('times, failed', [(1, False), (2, True)])
def test_a_worker_killed_by_the_system_is_started_once_more(times, failed, data, whole, tmp_path, monkeypatch):
    start, one = bench._start, some(data, methods=('bc',))
    def deadly(job, device):
        start(job, device)
        if job.tries<=times: job.process.kill()
    monkeypatch.setattr(bench, '_start', deadly)
    assert run_experiments(tmp_path, one, workers=1)==([one[0].name] if failed else [])
    if failed: assert 'signal 9' in (tmp_path/'failed'/f'{one[0].name}.txt').read_text()
    else: assert values(tmp_path).items()<=values(whole).items()

def test_what_differs_is_named_and_nothing_is_touched(data, whole):
    from goplan_nb.core import BadInput
    before, one = values(whole), some(data)[:1]
    for changed, word in ((replace(one[0], config=tiny('bc', lr=1e-2)), 'config.lr: 0.0005 -> 0.01'),
        (replace(one[0], episodes=4), 'episodes: 3 -> 4'),
                          (replace(one[0], seeds=(1, 2)), 'holds seed(s) 1')):
        with pytest.raises(BadInput, match=word.replace('(', r'\(').replace(')', r'\)')):
            run_experiments(whole, [changed])
    assert values(whole)==before

def test_wrong_use_costs_one_line(data, tmp_path, capsys):
    out = ['--out', tmp_path/'x', '--data', data]
    for args, words in ((['tabel1'], ('nearest: table1',)),
        (['table1', '--tasks', 'PointRoms'], ('nearest: PointRooms',)),
        (['table1', '--methods', 'goplam'], ('nearest: goplan',)),
                        (['table1', '--engine', 'dask'], ('allowed: local',)),
                        (['table1', '--seeds', '1', '1'], ('different numbers',)),
                        (['table1', '--workers', '0'], ('--workers 0',)),
                        (['table1', '--updates', '0'], ('--updates 0',)), (['table1', '--tasks'], ('tasks',)),
                        (['table1', '--methods', 'bc', 'bc'], ('only once',)),
                        (['table5', '--tasks', 'FetchPush-Right2Left'], ('FetchPush-Right2Right',)),
                        (['table1', '--preset', 'lapto'], ('nearest: laptop',)),
                        (['fig2', '--methods', 'bc'], ('fig2 has no --methods',)),
                        (['fig5', '--data', data, '--tasks', 'FetchReach-Noise0.5'], ('allowed is FetchReach',))):
        refused(capsys, ['bench', *args, *out], *words)
    refused(capsys, ['bench', 'table1', '--tasks', 'PointRooms', '--data', tmp_path/'no.npz', '--out', tmp_path/'x'],
        'no.npz', 'goplan collect PointRooms')
    (tmp_path/'file').write_text('')
    refused(capsys, ['bench', 'table1', '--tasks', 'PointRooms', '--data', data, '--out', tmp_path/'file'], 'file')
    assert not list((tmp_path/'x').glob('*'))

def test_damaged_results_are_named(whole, tmp_path, capsys):
    for damage in (lambda t: t[:len(t)//2], lambda t: '', lambda t: t.replace('method', 'metod', 1),
        lambda t: '\0'*100):
        shutil.rmtree(tmp_path/'hurt', ignore_errors=True)
        shutil.copytree(whole, tmp_path/'hurt')
        path = next((tmp_path/'hurt'/'experiments').glob('*bc*.csv'))
        path.write_text(damage(path.read_text()))
        refused(capsys, ['report', tmp_path/'hurt'], path.name, 'damaged')
    path.with_suffix('.json').write_text('{')
    refused(capsys, ['report', tmp_path/'hurt'], path.stem)

@pytest.mark.skipif(find_spec('ray') is None, reason='ray is an extra')
def test_ray_gives_the_same_numbers(data, whole, tmp_path):
    one = some(data, methods=('bc',))
    assert run_experiments(tmp_path, one, engine='ray')==[]
    assert values(tmp_path).items()<=values(whole).items()

@pytest.mark.skipif(find_spec('ray') is None, reason='ray is an extra')
def test_ray_loses_a_node_and_no_experiment(data, whole, tmp_path, monkeypatch):
    for name, value in dict(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER='0', RAY_AUTH_MODE='disabled').items():
        monkeypatch.setenv(name, value)
    import ray
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
    second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    done_then = []
    def kill():
        while not list((tmp_path/'experiments').glob('*.csv')): time.sleep(.1)      # both nodes are at work then
        cluster.remove_node(second, allow_graceful=False)
        done_then.append(len(list((tmp_path/'experiments').glob('*.csv'))))
    killer = Thread(target=kill, daemon=True)
    try:
        killer.start()
        assert run_experiments(tmp_path, some(data), engine='ray')==[]
        killer.join(30)
        assert done_then[0]<len(some(data)) and not second.any_processes_alive()
        # the cluster believes in a dead node only after some missed answers
        until = time.time()+120
        while sum(n['Alive'] for n in ray.nodes())>1 and time.time()<until: time.sleep(1)
        assert sum(n['Alive'] for n in ray.nodes())==1
        assert values(tmp_path)==values(whole)
    finally:
        ray.shutdown()
        cluster.shutdown()

def test_a_refused_restart_throws_nothing_away(capsys, data, tmp_path):
    out = tmp_path/'out'
    ask = ['bench', 'walls', '--tasks', 'PointRooms', '--methods', 'bc', '--updates', '4', '--episodes', '1',
        '--batch-size', '8', '--workers', '1', '--out', out]
    assert main([*map(str, ask), '--seeds', '0', '--data', str(data)])==0
    before = values(out)
    refused(capsys, [*ask, '--seeds', '0', '--restart', '--data', tmp_path/'none'/'{task}.npz'], 'no dataset')
    assert values(out)==before
    assert main([*map(str, ask), '--seeds', '1', '--data', str(data)])==0
    refused(capsys, [*ask, '--seeds', '0', '--restart', '--data', data, '--updates', '5'], 'updates')
    assert values(out).items()>=before.items()

def test_brackets_in_a_name_are_letters(capsys, data, tmp_path):
    odd = shutil.copy(data, tmp_path/'x[1].npz')
    ask = ['bench', 'walls', '--tasks', 'PointRooms', '--methods', 'bc', '--episodes', '1', '--batch-size', '8',
        '--workers', '1', '--seeds', '0', '--data', odd, '--out', tmp_path/'out']
    assert main([*map(str, ask), '--updates', '4'])==0
    refused(capsys, [*ask, '--updates', '7'], 'updates')

def test_no_option_is_ignored(capsys, tmp_path):
    for more, why in ((['weights', '--preset', 'laptop'], 'weights runs plus'),
        (['curves', '--methods', 'goplan'], 'compares its own'), (['fig2', '--preset', 'plus'], 'fig2 has no --preset'),
                      (['fig2', '--workers', '2'], 'fig2 has no --workers'),
                      (['table1', '--data', ''], '--data is empty'),
                      (['table1', '--address', '1.2.3.4:5'], 'without --engine ray'),
                      (['walls', '--seeds', str(2**70)], '2**32')):
        refused(capsys, ['bench', *more, '--out', tmp_path/'out'], why)
    assert not list((tmp_path/'out').glob('**/*.csv'))

def test_two_processes_share_a_folder(data, whole, tmp_path):
    script = SCRIPT.format(here=str(Path(__file__).parent), out=str(tmp_path/'out'), data=str(data))
    both = [subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True) for _ in range(2)]
    said = [p.communicate(timeout=600) for p in both]
    assert [(p.returncode, out.strip()) for p, (out, _) in zip(both, said)]==[(0, '[]')]*2, said
    assert values(tmp_path/'out')==values(whole) and not list((tmp_path/'out').glob('failed/*'))

RESULTS = Path(bench.__file__).parent.parent.parent/'data'/'results'

@pytest.mark.parametrize('folder', bench.FOLDERS)
def test_results_of_older_versions_are_found_and_nothing_is_trained(folder, tmp_path, capsys, monkeypatch):
    "Former folder, file names, fields and columns; the report reads them as well."
    out = tmp_path/'table1'
    for path in (RESULTS/'table1'/'experiments').glob('table1_goplan_PointRooms_*_ours_*'):
        (out/folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, out/folder)
    before = {p.name: p.read_bytes() for p in (out/folder).iterdir()}
    assert all('_ours_' in n for n in before) and len(before)>=2
    monkeypatch.setattr(bench, '_start', lambda *x: pytest.fail('a training was started'))
    seeds = 0, 1, 2
    ask = ['bench', 'table1', '--preset', 'plus', '--tasks', 'PointRooms', '--methods', 'goplan', '--out', str(out)]
    assert main([*ask, '--seeds', *map(str, seeds)])==0
    said = capsys.readouterr().out
    assert 'GOPlan2 plus' in said and (out/'report.html').exists()
    assert {p.name: p.read_bytes() for p in (out/folder).iterdir()}==before and not list(out.glob('work/*'))
    refused(capsys, [*ask, '--seeds', *seeds, '--episodes', '7'], 'episodes: 100 -> 7')
    refused(capsys, [*ask, '--seeds', 2, 99], 'holds seed(s) 2')
    rows, metadata_of, _ = read_results(out)
    assert set(rows.preset)=={'plus'} and {m['experiment']['preset'] for m in metadata_of.values()}=={'plus'}

def test_restart_throws_away_what_an_older_version_wrote(data, whole, tmp_path):
    "Under the former name, too: else the report would count it twice."
    one, = some(data, methods=('bc',))
    old = tmp_path/'cells'/f'{one.name.replace("table1", "ours")}'
    shutil.copytree(whole/'experiments', old.parent)
    for ending in ('.csv', '.json'): (old.parent/f'{one.name}{ending}').rename(f'{old}{ending}')
    new = replace(one, bench='plus')
    assert run_experiments(tmp_path, [new], workers=1)==[] and not (tmp_path/'experiments').exists()
    assert run_experiments(tmp_path, [new], workers=1, restart=True)==[]
    assert not Path(f'{old}.csv').exists() and list(values(tmp_path))==[f'{new.name}.csv']
