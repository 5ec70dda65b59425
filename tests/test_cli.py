"The `goplan` command as a user meets it: what it makes, what it refuses, and that nothing is lost."
import json, os, resource, shutil, signal, subprocess, sys, time
from pathlib import Path
import numpy as np, pandas as pd, pytest, torch
from safetensors.torch import load_file
from conftest import refused
from goplan_nb.lab.cli import COMMANDS, main
from goplan_nb.lab.usage import SAYS
from goplan_nb.lab.train import METHODS, load_checkpoint, save_checkpoint

SAMPLES = Path(__file__).parent.parent/'data'/'samples'

TINY = ['--hidden', '16', '--dynamics-hidden', '16', '--noise-dim', '4', '--batch-size', '32', '--pretrain-updates',
    '120', '--iterations', '2',
    '--finetune-updates', '40', '--candidates', '3', '--copies', '2', '--lookahead', '2', '--intra', '4', '--inter',
    '4',
    '--checkpoint-every', '20', '--evaluate-every', '100', '--evaluate-episodes', '3']
GOPLAN = [str(Path(sys.executable).parent/'goplan')]

@pytest.fixture(scope='session')
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp('data')/'reach.npz'
    assert main(['collect', 'PointReach', '--episodes', '40', '--out', str(path)])==0
    return path

def train_args(data, out, *more, method='goplan', task='PointReach'):
    return ['train', method, task, '--data', str(data), '--out', str(out), '--device', 'cpu',
        *(TINY if method=='goplan' else []), *more]

@pytest.fixture(scope='session')
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp('runs')/'a'
    assert main(train_args(data, out, '--seeds', '0', '1'))==0
    return out

def rewrite(src, dst, **changes):
    "A copy of a dataset with some arrays replaced."
    with np.load(src) as z: arrays = {n: z[n] for n in z.files}
    np.savez(dst, **(arrays | changes))
    return dst

def test_help_names_every_command(capsys):
    assert main(['--help'])==0
    said = capsys.readouterr().out
    for name in COMMANDS: assert name in said

def test_help_and_version_come_without_pytorch():
    "Help, no arguments and the version are answered at once; so is `import goplan_nb`."
    for args, code in ((['--help'], 0), ([], 2), (['--version'], 0)):
        begin = time.time()
        done = subprocess.run(GOPLAN+args, capture_output=True, text=True)
        assert done.returncode==code and time.time()-begin<1.5 and 'goplan' in done.stdout and not done.stderr
    code = 'import sys, goplan_nb; from goplan_nb.__main__ import main; sys.argv = ["goplan", "--help"]; main(); print([m for m in ("torch", "matplotlib", "tyro") if m in sys.modules])'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.splitlines()[-1]=='[]'

def test_the_front_door_says_what_the_commands_say():
    assert {n: c.__doc__ for n, c in COMMANDS.items()}==SAYS

def test_an_old_preset_and_an_old_option_are_told_their_new_names(capsys, data, tmp_path):
    refused(capsys, train_args(data, tmp_path/'x', '--preset', 'ours'), "'ours' is called 'plus' now")
    refused(capsys, train_args(data, tmp_path/'x', '--shaken', '3'), '--shaken is called --n-perturbed now')
    assert not (tmp_path/'x').exists()

def test_help_of_train_explains_fields_with_source(capsys):
    with pytest.raises(SystemExit) as e: main(['train', 'goplan', 'PointReach', '--help'])
    said = capsys.readouterr().out
    assert e.value.code==0
    for w in ('--beta', 'Table 3', 'trained side by side', 'updates between two evaluations'):
        assert w in ' '.join(said.split()), w

def test_collect_gives_the_same_bytes_whatever_the_workers(tmp_path):
    for w in (1, 2):
        assert main(['collect', 'FetchReach', '--episodes', '5', '--workers', str(w), '--out',
            str(tmp_path/f'{w}.npz')])==0
    assert (tmp_path/'1.npz').read_bytes()==(tmp_path/'2.npz').read_bytes()

def test_info_shows_the_metadata(data, capsys):
    assert main(['info', str(data)])==0
    said = capsys.readouterr().out
    for w in ('PointReach', 'sha256', 'mujoco', '(40, 51, 2)', 'mean return'): assert w in said

def test_run_leaves_what_the_contract_says(run):
    assert {'config.json', 'metrics.csv', 'checkpoint.safetensors', 'pretrained.safetensors'} <= {p.name
        for p in run.iterdir()}
    m = pd.read_csv(run/'metrics.csv')
    assert list(m.columns)==['method', 'task', 'data', 'preset', 'seed', 'step', 'metric', 'value', 'commit',
        'versions']
    assert {'return/policy', 'return/sampled', 'case/a-1', 'value/loss'} <= set(m.metric) and set(m.seed)=={0,
        1} and m.step.max()==200

def test_evaluate_prints_json_last(run, capsys):
    for more in ([], ['--planner']):
        assert main(['evaluate', str(run), '--episodes', '4', '--json', *more])==0
        result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        assert set(result)=={'task', 'method', 'seeds', 'episodes', 'return_mean', 'return_per_seed', 'return49_mean',
            'success_last'}
        assert len(result['return_per_seed'])==2 and 0<=result['return49_mean']<=result['return_mean']<=50

def test_evaluate_writes_a_film_and_takes_noise(run, tmp_path):
    assert main(['evaluate', str(run), '--episodes', '2', '--action-noise', '0.5', '--video', str(tmp_path/'a.gif')])==0
    assert (tmp_path/'a.gif').read_bytes()[:3]==b'GIF'

def test_report_is_one_page(run):
    assert main(['report', str(run)])==0
    page = (run/'report.html').read_text()
    assert 'data:image/png;base64,' in page and 'src="http' not in page

@pytest.mark.parametrize('method', ['bc', 'gcsl'])
def test_imitation_trains_and_evaluates(data, tmp_path, capsys, method):
    assert main(train_args(data, tmp_path/'r', '--updates', '60', method=method))==0
    assert main(['evaluate', str(tmp_path/'r'), '--episodes', '3', '--json'])==0

def test_demo_makes_everything(data, tmp_path, capsys):
    out = tmp_path/'d'
    assert main(['demo', 'PointReach', '--data', str(data), '--out', str(out), '--updates', '90', '--episodes', '3'])==0
    assert {'report.html', 'metrics.csv', 'returns.csv', 'config.json', 'rollout.gif', 'fan.png',
        'checkpoint.safetensors', 'pretrained.safetensors'} <= {p.name for p in out.iterdir()}
    said = capsys.readouterr().out
    for w in ('behaviour data', 'policy, pretrained', 'policy, fine-tuned', 'planner (GOPlan2)', '46.09',
        'policy before fine-tuning - data', 'planning: planner - policy',
        '500,000 updates', 'GOPlan+ here: 90 updates', 'report:', 'nbs/tour.ipynb', 'goplan bench'): assert w in said, w
    actors = pd.read_csv(out/'returns.csv')
    assert set(actors.actor)=={'data', 'pretrained', 'policy',
        'planner'} and (actors[actors.actor=='policy'].metric=='return').sum()==3
    page = (out/'report.html').read_text()
    assert page.index('data:image/gif')<page.index('<table>')<page.index('Settings')<page.index('<details>') and json.loads((out/'config.json').read_text())['preset']=='plus'

def test_demo_goes_on_where_it_stopped_and_takes_the_old_spelling(data, tmp_path, capsys):
    args = ['demo', '--task', 'PointReach', '--preset', 'laptop', '--data', str(data), '--out', str(tmp_path/'d'),
        '--updates', '90', '--episodes', '2']
    assert main(args)==0
    before = (tmp_path/'d'/'checkpoint.safetensors').read_bytes()
    assert main(args)==0 and (tmp_path/'d'/'checkpoint.safetensors').read_bytes()==before
    refused(capsys, [*args, '--preset', 'plus'], 'allowed is one')
    refused(capsys, [a if a!='laptop' else 'plus' for a in args], 'differs in', 'preset: laptop -> plus')

def test_demo_records_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['demo', 'PointRooms', '--record', '30', '--updates', '60', '--episodes', '2'])==0
    assert (tmp_path/'data'/'PointRooms.npz').exists() and (tmp_path/'runs'/'demo'/'report.html').exists()

def test_a_failing_picture_does_not_end_the_job(data, tmp_path, monkeypatch, capsys):
    import goplan_nb.lab.report as report
    def broken(*args, **kwargs): raise RuntimeError('no GL')
    for name in ('compare_film', 'fan_figure', 'bars_figure', 'curves_figure'):
        monkeypatch.setattr(report, name, broken)
    assert main(['demo', 'PointReach', '--data', str(data), '--out', str(tmp_path/'d'), '--updates', '90',
        '--episodes', '3'])==0
    said = capsys.readouterr().out
    assert 'rollout.gif is missing (RuntimeError: no GL)' in said and 'fan.png is missing' in said and 'report:' in said
    assert (tmp_path/'d'/'report.html').read_text().count('A picture is missing')==2

def test_demo_draws_a_goal_of_one_number(tmp_path):
    "SawyerDoor's goal is an angle; one test episode, no pretraining, and the short planner."
    out = tmp_path/'d'
    assert main(['demo', 'SawyerDoor', '--preset', 'laptop', '--data', str(SAMPLES/'SawyerDoor.npz'), '--out',
        str(out), '--episodes', '1', '--bootstrap', '--n-perturbed', '2', *TINY[:-6], '--pretrain-updates', '0'])==0
    assert {'pretrained.safetensors', 'fan.png', 'rollout.gif', 'returns.csv', 'report.html'} <= {p.name
        for p in out.iterdir()}

def test_report_of_a_run_without_evaluations(data, tmp_path):
    out = tmp_path/'r'
    assert main(train_args(data, out, '--updates', '40', '--hidden', '8', method='bc'))==0
    # numbers that no panel shows
    pd.read_csv(out/'metrics.csv').assign(metric='weight/mean').to_csv(out/'metrics.csv', index=False)
    assert main(['report', str(out)])==0 and 'data:image' not in (out/'report.html').read_text()

def test_checkpoints_come_as_often_as_asked(data, tmp_path, monkeypatch):
    import goplan_nb.lab.train as train
    out, saved, steps = tmp_path/'r', train.save_checkpoint, []
    monkeypatch.setattr(train, 'save_checkpoint', lambda path, state: steps.append(state['step']) or saved(path, state))
    assert main(train_args(data, out, '--updates', '90', '--checkpoint-every', '20', '--evaluate-every', '30',
        method='bc'))==0
    assert sorted(set(pd.read_csv(out/'metrics.csv').query('metric=="return/policy"').step))==[30, 60,
        90] and steps==[20, 40, 60, 80, 90]

def test_milestone_survives_a_kill_between_two_files(data, tmp_path, monkeypatch):
    import goplan_nb.lab.train as train
    saved = train.save_checkpoint
    def dies(path, state):
        if path.name=='checkpoint.safetensors' and state['step']==120: raise KeyboardInterrupt
        saved(path, state)
    monkeypatch.setattr(train, 'save_checkpoint', dies)
    assert main(train_args(data, tmp_path/'r'))==130
    monkeypatch.undo()
    assert main(train_args(data, tmp_path/'r'))==0 and (tmp_path/'r'/'pretrained.safetensors').exists()

def test_a_run_from_a_gpu_acts_here(run, capsys, data, tmp_path):
    "Its generators have 16 bytes of state: acting does not need them, going on does."
    out = shutil.copytree(run, tmp_path/'gpu')
    state = load_checkpoint(out/'checkpoint.safetensors')
    save_checkpoint(out/'checkpoint.safetensors', dict(state, rngs=torch.zeros(2, 16, dtype=torch.uint8)))
    assert main(['evaluate', str(out), '--episodes', '2'])==0
    refused(capsys, train_args(data, out, '--seeds', '0', '1'), 'another kind of device')

def final(folder): return load_file(folder/'checkpoint.safetensors')

def assert_same_weights(a, b):
    assert a.keys()==b.keys()
    for k in a: assert torch.equal(a[k], b[k]), k

def test_killed_run_resumes_to_the_same_bits(data, tmp_path):
    "kill -9 twice, in pretraining and in fine-tuning; then the same command to its end."
    env = dict(os.environ, OMP_NUM_THREADS='1')
    args = lambda out: GOPLAN+train_args(data, out, '--seeds', '0', '1')
    subprocess.run(args(tmp_path/'whole'), check=True, env=env, capture_output=True)
    for after in (40, 140):
        p = subprocess.Popen(args(tmp_path/'killed'), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time()+120
        while time.time()<deadline and p.poll() is None:
            log = tmp_path/'killed'/'metrics.csv'
            if (tmp_path/'killed'/'checkpoint.safetensors').exists() and int(json.loads(header(tmp_path/'killed'))['step'])>=after:
                break
            time.sleep(.01)
        p.send_signal(signal.SIGKILL)
        p.wait()
    subprocess.run(args(tmp_path/'killed'), check=True, env=env, capture_output=True)
    assert_same_weights(final(tmp_path/'whole'), final(tmp_path/'killed'))
    a, b = (pd.read_csv(tmp_path/n/'metrics.csv').drop(columns=['commit']) for n in ('whole', 'killed'))
    pd.testing.assert_frame_equal(a, b)

def header(folder):
    raw = (folder/'checkpoint.safetensors').read_bytes()
    return json.loads(raw[8:8+int.from_bytes(raw[:8], 'little')])['__metadata__']['plain']

def test_full_disk_keeps_the_previous_checkpoint(data, tmp_path):
    "The disk is full from the first checkpoint on: a limit on the size of files stands in for it."
    out = tmp_path/'r'
    assert main(train_args(data, out))==0
    before = (out/'checkpoint.safetensors').read_bytes()
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(before)//2,)*2)
    p = subprocess.run(GOPLAN+train_args(data, tmp_path/'new'), capture_output=True, text=True, preexec_fn=limit)
    assert p.returncode==2 and 'cannot write' in p.stderr and 'Traceback' not in p.stderr
    assert not list((tmp_path/'new').glob('*.safetensors')) and not list((tmp_path/'new').glob('.*tmp'))
    # and with a good checkpoint in place, a later failure leaves it alone
    code = (f'import resource; from pathlib import Path; from goplan_nb.lab.train import *; s = '
        f'load_checkpoint(Path({str(out)!r})/"checkpoint.safetensors"); '
            f'resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before)//2},)*2); '
            f'save_checkpoint(Path({str(out)!r})/"checkpoint.safetensors", s)')
    p = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert 'BadInput' in p.stderr and (out/'checkpoint.safetensors').read_bytes()==before

def test_refuses_unknown_names(capsys, data, tmp_path):
    refused(capsys, ['trian'], 'trian', 'train')
    refused(capsys, train_args(data, tmp_path/'x', method='golan'), 'golan', 'goplan', 'gcsl')
    refused(capsys, train_args(data, tmp_path/'x', task='PointRoom'), 'PointRoom', 'PointRooms')
    refused(capsys, train_args(data, tmp_path/'x', '--preset', 'laptob'), 'laptob', 'laptop')
    refused(capsys, train_args(data, tmp_path/'x', '--beto', '3'), '--beto', '--beta')
    refused(capsys, train_args(data, tmp_path/'x', '--beta', 'three'), '--beta', 'three')
    assert not (tmp_path/'x').exists()

@pytest.mark.parametrize('option, value',
    [('--members', 0), ('--batch-size', 1), ('--gamma', 1.5), ('--hidden', 0), ('--beta', -1), ('--candidates', 0),
    ('--copies', 0),
    ('--policy-lr', 0), ('--uncertainty', -1), ('--inter-goal', 'own'), ('--pretrain-updates', -5), ('--relabel', 2),
    ('--updates', 0), ('--seeds', -1),
    ('--evaluate-every', 0), ('--device', 'tpu'), ('--noise-dim', 0), ('--average-decay', 1.2),
    ('--finetune-updates', 0), ('--kappa', 'nan'),
    ('--dynamics-lr', -1), ('--momentum', 1), ('--jitter', 'nan'), ('--scaler-floor', 'inf'), ('--policy-lr', 'inf'),
    ('--seeds', 2**64)])
def test_refuses_numbers_out_of_range(capsys, data, tmp_path, option, value):
    refused(capsys, train_args(data, tmp_path/'x', option, str(value)), option.strip('-').replace('-', '_')
        if option not in ('--device', '--seeds', '--updates', '--evaluate-every') else option.strip('-'), 'allowed')

def test_refuses_bad_data(capsys, data, tmp_path):
    args = lambda p: train_args(p, tmp_path/'x')
    refused(capsys, args(tmp_path/'none.npz'), 'none.npz', 'goplan collect')
    (tmp_path/'empty.npz').touch()
    refused(capsys, args(tmp_path/'empty.npz'), 'empty.npz', 'empty')
    (tmp_path/'cut.npz').write_bytes(data.read_bytes()[:2000])
    refused(capsys, args(tmp_path/'cut.npz'), 'cut.npz')
    refused(capsys, train_args(data, tmp_path/'x', task='FetchReach'), 'PointReach', 'FetchReach')
    with np.load(data) as z: o, a = z['observations'].copy(), z['actions'].copy()
    o[7, 3, 1] = np.nan
    refused(capsys, args(rewrite(data, tmp_path/'nan.npz', observations=o)), 'observations', 'episode 7', 'NaN')
    a[5, 0, 0] = np.inf
    refused(capsys, args(rewrite(data, tmp_path/'inf.npz', actions=a)), 'actions', 'episode 5')
    refused(capsys, args(rewrite(data, tmp_path/'shape.npz', observations=o[:, :, :1])), 'shape.npz')
    refused(capsys, args(rewrite(data, tmp_path/'fewer.npz', goals=np.zeros((3, 2), np.float32))), 'goals')
    refused(capsys, args(rewrite(data, tmp_path/'zero.npz', observations=o[:0], actions=a[:0], goals=a[:0, 0],
        lengths=np.zeros(0, np.int32))), 'no episodes')
    assert not (tmp_path/'x').exists()

def test_refuses_to_overwrite_data(capsys, data):
    before = data.read_bytes()
    refused(capsys, ['collect', 'PointReach', '--episodes', '2', '--out', data], str(data), '--force')
    assert data.read_bytes()==before

def test_refuses_bad_collection(capsys, tmp_path):
    out = ['--out', tmp_path/'x.npz']
    refused(capsys, ['collect', 'PointReach', '--episodes', '0', *out], 'episodes', 'allowed')
    refused(capsys, ['collect', 'PointReach', '--noise', '-1', *out], 'noise', 'allowed')
    refused(capsys, ['collect', 'PointReach', '--random-eps', '1.5', *out], 'random_eps', 'allowed')
    refused(capsys, ['collect', 'PointReach', '--behaviour', 'export', *out], 'export', 'expert')
    refused(capsys, ['collect', 'PointReach', '--out', tmp_path/'x.txt'], 'x.txt', '.npz')
    refused(capsys, ['collect', 'PointReach', '--seed', '1000000', *out], 'test episodes', 'allowed')
    # NumPy would draw the same environments
    refused(capsys, ['collect', 'PointReach', '--seed', str(1_000_000+2**32), *out], 'test episodes', 'allowed')
    refused(capsys, ['collect', 'FetchReach', '--workers', '-1', *out], 'workers', 'allowed')
    assert not list(tmp_path.iterdir())

def test_refuses_another_config_and_keeps_the_run(capsys, data, run):
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    refused(capsys, train_args(data, run, '--seeds', '0', '1', '--beta', '30'), 'config.prior.beta', '60.0', '30.0',
        '--restart')
    refused(capsys, train_args(data, run, '--seeds', '0', '2'), 'seeds')
    assert {p.name: p.read_bytes() for p in run.iterdir()}==before

def test_restart_begins_anew(data, tmp_path):
    assert main(train_args(data, tmp_path/'r', '--updates', '60', method='gcsl'))==0
    assert main(train_args(data, tmp_path/'r', '--updates', '40', '--restart', method='gcsl'))==0
    assert pd.read_csv(tmp_path/'r'/'metrics.csv').step.max()==40

def test_refused_restart_throws_nothing_away(capsys, data, run):
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    refused(capsys, ['train', 'goplan', 'PointReach', '--data', data, '--out', run, '--restart', '--device',
        'cuda:99'], 'cuda')
    assert {p.name: p.read_bytes() for p in run.iterdir()}==before

def test_options_may_stand_before_the_method(data, tmp_path):
    assert main(['train', '--out', str(tmp_path/'r'), 'bc', 'PointReach', '--data', str(data), '--updates', '20'])==0

def test_refuses_damaged_checkpoint(capsys, data, run, tmp_path):
    shutil.copytree(run, tmp_path/'r')
    path = tmp_path/'r'/'checkpoint.safetensors'
    for cut in (path.read_bytes()[:1000], path.read_bytes()[:-100], b'', b'\xff'*64):
        path.write_bytes(cut)
        refused(capsys, ['evaluate', tmp_path/'r', '--episodes', '2'], 'checkpoint.safetensors')
        refused(capsys, train_args(data, tmp_path/'r', '--seeds', '0', '1'), 'checkpoint.safetensors', '--restart')
        assert path.read_bytes()==cut
    path.unlink()
    refused(capsys, ['evaluate', tmp_path/'r'], 'no checkpoint')

def test_refuses_what_is_no_run(capsys, tmp_path):
    refused(capsys, ['evaluate', tmp_path/'nothing'], 'nothing')
    (tmp_path/'config.json').write_text('{')
    refused(capsys, ['evaluate', tmp_path], 'config.json')
    (tmp_path/'config.json').write_text('{"method": "goplan"}')
    refused(capsys, ['evaluate', tmp_path], 'config.json')
    refused(capsys, ['report', tmp_path], 'config.json')
    refused(capsys, ['report', tmp_path/'nothing'], 'nothing')

def test_refuses_folder_that_cannot_be_written(capsys, data, tmp_path):
    (tmp_path/'file').write_text('x')
    refused(capsys, train_args(data, tmp_path/'file'/'run'), 'cannot write')
    refused(capsys, ['collect', 'PointReach', '--episodes', '2', '--out', tmp_path/'file'/'d.npz'], 'cannot write')
    assert (tmp_path/'file').read_text()=='x'

def test_refuses_wrong_evaluation(capsys, run, data, tmp_path):
    refused(capsys, ['evaluate', run, '--episodes', '0'], 'episodes', 'allowed')
    refused(capsys, ['evaluate', run, '--task', 'FetchReach'], 'FetchReach', 'PointReach')
    refused(capsys, ['evaluate', run, '--action-noise', '-1'], 'noise', 'allowed')
    refused(capsys, ['demo', '--episodes', '0', '--out', tmp_path/'d', '--data', data], 'episodes', 'allowed')
    refused(capsys, train_args(data, tmp_path/'small', '--buffer-transitions', '10'), 'buffer_transitions', 'allowed')
    refused(capsys, ['evaluate', run, '--video', tmp_path/'a.mp4', '--episodes', '2'], 'a.mp4', '.gif')
    assert main(train_args(data, tmp_path/'bc', '--updates', '10', method='bc'))==0
    refused(capsys, ['evaluate', tmp_path/'bc', '--planner'], 'planner', 'allowed')

def test_convert_reads_arrays_only(capsys, tmp_path):
    import pickle
    T, rng = 49, np.random.default_rng(0)
    o = rng.uniform(-1, 1, (6, T+1, 2))
    buffer = dict(o=o, ag=o, u=rng.uniform(-1, 1, (6, T, 2)), g=np.repeat(rng.uniform(-1, 1, (6, 1, 2)), T, 1))
    (tmp_path/'a.pkl').write_bytes(pickle.dumps(buffer))
    assert main(['convert', str(tmp_path/'a.pkl'), str(tmp_path/'a.npz'), '--task', 'PointReach'])==0
    assert main(['info', str(tmp_path/'a.npz')])==0
    class Evil:
        def __reduce__(self): return os.system, ('touch '+str(tmp_path/'owned'),)
    (tmp_path/'b.pkl').write_bytes(pickle.dumps(dict(o=Evil())))
    refused(capsys, ['convert', tmp_path/'b.pkl', tmp_path/'b.npz', '--task', 'PointReach'], 'NumPy arrays only')
    assert not (tmp_path/'owned').exists() and not (tmp_path/'b.npz').exists()

def test_collection_goes_on_after_an_interruption(capsys, tmp_path, monkeypatch):
    from goplan_nb.data import collection as behaviours
    args = lambda name, *more: ['collect', 'PointRooms', '--episodes', '500', '--behaviour', 'benchmark', '--out',
        tmp_path/name, *more]
    assert main([str(a) for a in args('calm.npz')])==0
    record, calls = behaviours._record, []
    def interrupted(*a, **k):
        calls.append(1)
        if len(calls)==3: raise KeyboardInterrupt
        return record(*a, **k)
    monkeypatch.setattr(behaviours, '_record', interrupted)
    assert main([str(a) for a in args('torn.npz')])==130
    monkeypatch.setattr(behaviours, '_record', record)
    assert len(list((tmp_path/'torn.npz.parts').glob('*.npz')))==2 and not (tmp_path/'torn.npz').exists()
    refused(capsys, args('torn.npz', '--noise', '.1'), 'noise 0.2 there, 0.1 asked for', '--restart')
    assert main([str(a) for a in args('torn.npz')])==0
    assert (tmp_path/'torn.npz').read_bytes()==(tmp_path/'calm.npz').read_bytes() and not (tmp_path/'torn.npz.parts').exists()

def test_refuses_a_region_where_there_is_none(capsys, tmp_path):
    refused(capsys, ['collect', 'FetchPush-Right2Left', '--iid', '--out', tmp_path/'x.npz'], 'FetchPush-Right2Left',
        'allowed: FetchPick-Low2Low')
    refused(capsys, ['collect', 'FetchPush', '--behaviour', 'benchmark', '--out', tmp_path/'x.npz'], 'FetchPush',
        'PointReach')
    assert not list(tmp_path.iterdir())

@pytest.mark.parametrize('method', [m for m in METHODS if m!='goplan'])
def test_every_method_trains_resumes_and_acts(method, data, tmp_path, capsys):
    out = tmp_path/method
    tiny = ['--updates', '6', '--batch-size', '16', '--evaluate-every', '3', '--evaluate-episodes', '2',
        '--checkpoint-every', '2', '--seeds', '0', '1']
    assert main(train_args(data, out, *tiny, method=method))==0
    before = (out/'checkpoint.safetensors').read_bytes()
    assert main(train_args(data, out, *tiny, method=method))==0  # finished: nothing to do
    assert (out/'checkpoint.safetensors').read_bytes()==before
    assert main(['evaluate', str(out), '--episodes', '3', '--json', '--device', 'cpu'])==0
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert result['method']==method and len(result['return_per_seed'])==2
    refused(capsys, ['evaluate', out, '--planner', '--device', 'cpu'], 'planner', 'policy')

@pytest.mark.parametrize('more',
    [['--preset', 'plus'], ['--family', 'cvae'], ['--family', 'gaussian'], ['--family', 'mixture']])
def test_every_prior_trains_resumes_plans_and_imagines(more, data, tmp_path, capsys):
    assert main(train_args(data, tmp_path/'whole', *more, '--seeds', '0', '1'))==0
    out, code = tmp_path/'torn', 'import sys; from goplan_nb.lab.cli import main; main(sys.argv[1:])'
    args = train_args(data, out, *more, '--seeds', '0', '1')
    torn = subprocess.Popen([sys.executable, '-c', code, *map(str, args)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    for _ in range(600):
        time.sleep(.1)
        if (out/'checkpoint.safetensors').exists() or torn.poll() is not None: break
    torn.kill()
    torn.wait()
    assert main(args)==0
    assert (out/'checkpoint.safetensors').read_bytes()==(tmp_path/'whole'/'checkpoint.safetensors').read_bytes()
    assert main(['evaluate', str(out), '--planner', '--episodes', '3', '--json', '--device', 'cpu'])==0
    assert len(json.loads(capsys.readouterr().out.strip().splitlines()[-1])['return_per_seed'])==2

def test_refuses_an_unknown_family(capsys, data, tmp_path):
    refused(capsys, train_args(data, tmp_path/'x', '--family', 'mixtur'), 'mixtur', 'mixture', 'gaussian')
    refused(capsys, train_args(data, tmp_path/'x', '--offline', '1.5'), 'offline', 'allowed: 0 to 1')
    assert not (tmp_path/'x').exists()

def kept(folder):
    "What a folder holds, to compare with later."
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir()) if p.is_file() and p.name!='.lock'}

def test_whatever_is_refused_before_a_restart_throws_nothing_away(capsys, data, run):
    before = kept(run)
    for more, why in ((('--buffer-transitions', '10'), 'allowed: 50 and more'),
        (('--intra', '0', '--inter', '0'), 'both 0'), (('--seeds', str(2**70)), '2**32')):
        refused(capsys, train_args(data, run, '--restart', '--seeds', '0', '1', *more), why)
        assert kept(run)==before

def test_a_folder_belongs_to_whom_it_says(capsys, data, run, tmp_path):
    strange = tmp_path/'strange'
    strange.mkdir()
    (strange/'metrics.csv').write_text('step,loss\n1,0.5\n')
    refused(capsys, train_args(data, strange, method='bc'), 'metrics.csv', 'no config.json')
    (strange/'config.json').write_text('{"mine": 1}')
    refused(capsys, train_args(data, strange, '--restart', method='bc'), 'config.json lacks')
    assert (strange/'metrics.csv').read_text()=='step,loss\n1,0.5\n'
    other = tmp_path/'other'
    shutil.copytree(run, other)
    config = json.loads((other/'config.json').read_text())
    # the checkpoint is of the seeds 0 and 1
    (other/'config.json').write_text(json.dumps(config | dict(seeds=[0, 2])))
    refused(capsys, ['evaluate', str(other), '--episodes', '1'], 'belongs to another run')
    refused(capsys, train_args(data, other, '--seeds', '0', '2'), 'belongs to another run')
    for wrong in (dict(seeds=3), dict(seeds=[.5]), dict(data=None), dict(method=[]),
        dict(config=dict(config['config'], batch_size=32.5))):
        (other/'config.json').write_text(json.dumps(config | wrong))
        refused(capsys, ['evaluate', str(other), '--episodes', '1'], 'config.json')

def test_one_process_per_folder(capsys, data, run):
    from goplan_nb.lab.train import lock_folder
    with lock_folder(run): refused(capsys, train_args(data, run, '--seeds', '0', '1'), 'another process')

def test_diverged_weights_never_replace_a_checkpoint(capsys, data, tmp_path):
    small = ['--updates', '40', '--checkpoint-every', '20', '--evaluate-episodes', '1', '--hidden', '8',
        '--batch-size', '8']
    assert main(train_args(data, tmp_path/'a', *small, '--lr', '1e38', method='bc'))==2
    assert 'not finite' in (said := capsys.readouterr().err.splitlines()[-1]) and 'smaller learning rate' in said
    assert not (tmp_path/'a'/'checkpoint.safetensors').exists()

def test_half_written_logs_are_reported_as_far_as_they_go(capsys, run, tmp_path):
    cut = tmp_path/'cut'
    shutil.copytree(run, cut)
    whole = (cut/'metrics.csv').read_bytes()
    (cut/'metrics.csv').write_bytes(whole[:-300])
    assert main(['report', str(cut)])==0
    for damage in (b'', b'\xff\xfe\x00', b'a,b\n1,2\n'):
        (cut/'metrics.csv').write_bytes(damage)
        refused(capsys, ['report', str(cut)], 'metrics.csv is damaged')

def test_values_of_options_are_no_methods_and_a_preset_is_named_once(capsys, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['train', '--out', 'goplan', 'bc', 'PointReach', '--data', str(data), '--evaluate-episodes', '1',
        '--hidden', '8', '--batch-size', '8', '--updates', '4'])==0
    assert json.loads((tmp_path/'goplan'/'config.json').read_text())['config']['updates']==4
    refused(capsys, train_args(data, tmp_path/'b', '--preset', 'plus', '--preset', 'laptop'), 'allowed is one')

def test_files_of_others_are_left_alone(capsys, data, run, tmp_path):
    diary = tmp_path/'diary.txt'
    diary.write_text('My diary\nprecious\n')
    refused(capsys, ['collect', 'PointReach', '--episodes', '3', '--out', str(tmp_path/'a.npz'), '--table',
        str(diary)], 'no table of datasets')
    assert diary.read_text()=='My diary\nprecious\n' and not (tmp_path/'a.npz').exists()
    film = tmp_path/'film.gif'
    film.write_text('precious')
    refused(capsys, ['evaluate', str(run), '--episodes', '1', '--video', str(film)], 'exists')
    assert film.read_text()=='precious'
    link = tmp_path/'link.npz'
    link.symlink_to(shutil.copy(data, tmp_path/'real.npz'))
    assert main(['collect', 'PointReach', '--episodes', '3', '--out', str(link), '--force'])==0
    assert link.is_symlink() and (tmp_path/'real.npz').read_bytes()!=data.read_bytes()

def test_too_much_is_refused_before_the_work(capsys, tmp_path):
    refused(capsys, ['collect', 'HandReach', '--episodes', '99999999', '--out', str(tmp_path/'a.npz')], 'in one file')
    refused(capsys, ['collect', 'PointReach', '--episodes', '3', '--noise', 'inf', '--out', str(tmp_path/'a.npz')],
        'noise is inf')
    refused(capsys, ['collect', 'PointReach', '--episodes', '3', '--out', str(tmp_path/('a'*300+'.npz'))],
        'File name too long')

def test_an_output_that_takes_nothing_is_one_line():
    for target, code in (('| true', 0), ('> /dev/full', 2)):
        done = subprocess.run(f'{GOPLAN[0]} tasks {target}; exit ${{PIPESTATUS[0]}}', shell=True,
            executable='/bin/bash', capture_output=True, text=True)
        assert done.returncode==code and 'Traceback' not in done.stderr and 'Exception' not in done.stderr and done.stderr.count('\n')<=1, done.stderr
