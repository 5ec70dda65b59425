"""Thousands of malformed files, each to `info`, `convert` or `train`: exit code 2, one line, no code run, no hang, no memory.

pytest tests/test_malformed.py                       a few hundred, within half a minute
GOPLAN_FUZZ=5000 pytest -s tests/test_malformed.py   the whole number; -s shows the summary

Case i is made from the number i alone. Cases run in process, in workers whose address space may grow by 2 GiB and no more; a worker that dies or hangs fails the test.
What a case may do is told apart:
  refused   exit code 2, one line on stderr, nothing written
  equal     exit code 0, for damage that does not touch the data (a date in an archive without seal): arrays and metadata must be those of the sound file
  as read   exit code 0, only for changed instructions of a pickle without checksum: it is another valid file, and Python's own unpickler, limited to NumPy's four names, must find the same arrays
"""
import builtins, contextlib, io, json, lzma, math, os, pickle, pickletools, random, resource, shutil, signal, struct, subprocess, sys, time, warnings, zipfile, zlib
from pathlib import Path
import numpy as np, pytest

COUNT, PART = int(os.environ.get('GOPLAN_FUZZ', 240)), 2500
ROOM = 2*2**30  # bytes of address space beyond the start
SECONDS = 60    # for one case
TASK, N, T = 'PointReach', 12, 50

# ---------------------------------------------------------------- sound files

def sound(folder):
    "An .npz, a sealed .pkl, a .pkl as others write it, a Minari dataset where that is installed."
    from goplan_nb.lab.cli import main
    from goplan_nb.data.files import load_episodes
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(['collect', TASK, '--episodes', str(N), '--seed', '1', '--out', str(folder/'a.npz')])==0
        assert main(['convert', str(folder/'a.npz'), str(folder/'a.pkl')])==0
        try:
            import minari  # noqa: F401
            assert main(['convert', str(folder/'a.npz'), 'minari:fuzz/sound-v0'])==0
        except ImportError: pass
    e, _ = load_episodes(folder/'a.npz')
    o, u = e.observations[:, :50].double().numpy(), e.actions[:, :49].double().numpy()
    foreign = dict(o=o, ag=o, u=u, g=np.repeat(e.goals[:, None].double().numpy(), 49, 1))
    np.savez(folder/'foreign.npz', **foreign)
    for protocol in range(6): (folder/f'foreign{protocol}.pkl').write_bytes(pickle.dumps(foreign, protocol))

class Base:
    "The bytes of the sound files."
    def __init__(self, folder):
        self.folder = folder
        self.npz, self.pkl = (folder/'a.npz').read_bytes(), (folder/'a.pkl').read_bytes()
        self.plain = self.npz[:-66]+bytes(2)  # the archive without its seal, as NumPy would write it
        self.foreign = [(folder/f'foreign{p}.pkl').read_bytes() for p in range(6)]
        with np.load(folder/'a.npz') as z: self.arrays = {n: z[n] for n in z.files}
        with np.load(folder/'foreign.npz') as z: self.buffer = {n: z[n] for n in z.files}
        self.metadata = json.loads(self.arrays['card'].tobytes())   # the name in the file is older than the word
        self.minari = folder/'minari'/'fuzz'/'sound-v0'
        self.canary = folder/'canary'

# ---------------------------------------------------------------- damage to .npz

def label(descr="'<f4'", order='False', shape='(12, 50, 2)', version=b'\1\0', text=None):
    "The beginning of a .npy entry, with anything in it."
    text = (text if text is not None
        else f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}").encode()+b' \n'
    n = struct.pack('<H' if version==b'\1\0' else '<I', min(len(text), 2**16-1 if version==b'\1\0' else 2**32-1))
    return b'\x93NUMPY'+version+n+text

def zipped(entries, **how):
    "An archive of (name, bytes)."
    f = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(f, 'w', zipfile.ZIP_DEFLATED, **how) as z:
        warnings.simplefilter('ignore')
        for name, content in entries: z.writestr(name, content)
    return f.getvalue()

def entry(x):
    f = io.BytesIO()
    np.lib.format.write_array(f, np.asanyarray(x), allow_pickle=True)
    return f.getvalue()

def rewritten(b, **changes):
    "The sound dataset with some arrays replaced: by an array, by bytes, by nothing."
    parts = [(f'{n}.npy', x if isinstance(x, bytes) else entry(x)) for n, x in (b.arrays | changes).items()
        if x is not None]
    return zipped(parts)

def metadata_of(b, **changes): return np.frombuffer(json.dumps(b.metadata | changes).encode(), np.uint8)
def some_array(r): return r.choice(['observations', 'actions', 'goals', 'lengths'])
def flipped(r, content, places=None):
    i = places[r.randrange(len(places))] if places else r.randrange(len(content))
    return content[:i]+bytes([content[i]^(1<<r.randrange(8))])+content[i+1:]

def npz_cut(r, b): return b.npz[:r.randrange(len(b.npz))]
def npz_flip(r, b): return flipped(r, b.npz)
def npz_flips(r, b):
    content = b.npz
    for _ in range(r.randrange(2, 20)): content = flipped(r, content)
    return content
def npz_plain_flip(r, b): return flipped(r, b.plain)
def npz_directory_flip(r, b): return flipped(r, b.plain, range(b.plain.rindex(b'PK\5\6')-400, len(b.plain)))
def npz_block(r, b):
    i, n = r.randrange(len(b.plain)), r.randrange(1, 400)
    return b.plain[:i]+r.randbytes(n)+b.plain[i+n:]
def npz_hole(r, b):
    i, n = r.randrange(len(b.plain)), r.randrange(1, 400)
    return b.plain[:i]+b.plain[i+n:]
def npz_dtype(r, b):
    name = some_array(r)
    x = b.arrays[name]
    allowed = [d for d in ('f2', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u4', 'u8', '?', 'c8', 'S4', 'U4', 'O', '>f4',
        '>i4', 'M8[s]', 'g') if np.dtype(d)!=x.dtype]
    d = r.choice([*allowed, 'record'])
    return rewritten(b, **{name: np.zeros(x.shape, [('a', 'f4'), ('b', 'O')]) if d=='record'
        else x.astype('i8').astype(d) if d=='M8[s]' else x.astype(d)})
def npz_shape(r, b):
    name = some_array(r)
    x = b.arrays[name]
    ways = [lambda: x[:-1], lambda: x[:0], lambda: x[None], lambda: np.concatenate([x, x]),
        lambda: x.reshape(-1)[:1].reshape(()), lambda: x.reshape(1, -1), lambda: x[..., None]]
    if x.ndim>1:
        ways += [lambda: x.reshape(-1), lambda: x[..., :-1], lambda: x[:, 1:], lambda: np.repeat(x, 2, -1),
            lambda: np.asfortranarray(x)]
    if x.ndim>2: ways += [lambda: x.swapaxes(0, 1).copy(), lambda: x[:, :0]]
    return rewritten(b, **{name: r.choice(ways)()})
def npz_value(r, b):
    name = some_array(r)
    x = b.arrays[name].copy()
    x.reshape(-1)[r.randrange(x.size)] = r.choice([0, -1, 51, 2**31-1,
        -2**31]) if name=='lengths' else r.choice([np.nan, np.inf, -np.inf, 1e30, -3e38, 7.])
    return rewritten(b, **{name: x})
def npz_label(r, b):
    name = some_array(r)
    x = b.arrays[name]
    shape = r.choice(['(-1, 50, 2)', f'({2**63}, 50, 2)', '(12, -50, -2)', f'({10**12}, 51, 2)',
        f'({2**32}, {2**32}, 2)', '(12, 50)', '()', '(0, 0, 0)', '(12L, 50L, 2L)', '12', f'({"1, "*500})', "('a',)",
        '[12, 50, 2]', f'({10**400},)', '(1e3, 2, 2)'])
    how = [dict(shape=shape), dict(order='True', shape=x.shape), dict(descr="'|O'", shape=x.shape),
        dict(descr="[('a', '<f4')]", shape=x.shape), dict(version=bytes([r.randrange(4, 256), r.randrange(256)])),
        dict(version=b'\2\0'), dict(version=b'\3\0'),
        dict(text='('*r.choice([100, 20_000, 60_000])), dict(text='-'*60_000+'1'),
        dict(text=f"__import__('os').system('touch {b.canary}')"),
        dict(descr=f"__import__('os').system('touch {b.canary}')", shape=x.shape),
        dict(text='{'*30_000+'}'*30_000),
        dict(text="{'descr': '<f4', 'fortran_order': False, 'shape': "+'9'*50_000+', }'), dict(text='[0]*10**10'),
        dict(text='"a"*10**10'), dict(text='\0'*100), dict(text=r.randbytes(200).decode('latin1')),
        dict(descr="'<f4:'", shape=x.shape), dict(descr="'V2147483647'", shape=x.shape)]
    return rewritten(b, **{name: label(**r.choice(how))+x.tobytes()})
def npz_bomb(r, b):
    "Directories and labels that claim far more than there is; contents that are more than is claimed."
    real, name = r.choice([0, 1000, 10**6, 4*10**7]), some_array(r)
    content = bytearray(rewritten(b,
        **{name: label(shape=r.choice(['(12, 50, 2)', f'({10**9}, 50, 2)', f'({real//400}, 50, 2)']))+bytes(real)}))
    at = content.rindex(b'PK\1\2')
    for _ in range(r.randrange(1, 4)): at = content.rindex(b'PK\1\2', 0, at) if content.count(b'PK\1\2', 0, at) else at
    field, value = r.choice([(24, 2**32-1), (24, 4*10**9), (24, 10**9), (24, 10), (20, 2**32-1), (20, 10**9), (20, 1),
        (42, 2**31), (42, 0), (24, 0)])
    if r.random()<.8: content[at+field:at+field+4] = struct.pack('<I', value)
    return bytes(content)
def npz_entries(r, b):
    parts = [(f'{n}.npy', entry(x)) for n, x in b.arrays.items()]
    one = r.randrange(len(parts))
    name, content = parts[one]
    ways = [lambda: parts+[parts[one]], lambda: [(name, b'')]+parts, lambda: parts[:one]+parts[one+1:], lambda: parts
        +[('../../escape.npy', content)], lambda: parts[:one]+[('../'+name, content)]+parts[one+1:],
        lambda: parts+[(f'{i}.npy', b'') for i in range(r.choice([1, 30, 70_000 if r.random()<.05 else 3000]))],
        lambda: parts[:one]+[(name.upper(), content)]+parts[one+1:], lambda: parts+[('folder/', b'')],
        lambda: [(n.removesuffix('.npy'), c) for n, c in parts],
        lambda: parts[:one]+[(name+'\n\x1b[2J', content)]+parts[one+1:], lambda: parts[:one]+[(name, zipped(parts))]
        +parts[one+1:], lambda: parts[:one]+[(name, pickle.dumps({}))]+parts[one+1:], lambda: []]
    return zipped(r.choice(ways)())
def npz_method(r, b):
    "Other ways of packing, encryption, a comment, 64-bit directories."
    way = r.randrange(6)
    if way<2:
        f = io.BytesIO()
        with zipfile.ZipFile(f, 'w', (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[way]) as z:
            for n, x in b.arrays.items(): z.writestr(f'{n}.npy', entry(x))
        return f.getvalue()
    content = bytearray(b.plain)
    at, end = content.rindex(b'PK\1\2'), content.rindex(b'PK\5\6')
    if way==2: content[at+8] |= 1
    if way==3: content[at+10:at+12] = struct.pack('<H', r.choice([1, 6, 9, 12, 14, 93, 99]))
    if way==4:
        return bytes(content[:end])+b'PK\6\7'+struct.pack('<IQI', 0, r.choice([0, end, 2**63, len(content)]),
            1)+bytes(content[end:])
    if way==5: content[end+r.choice([4, 6, 8, 10, 12, 13, 14, 15, 16, 19, 20])] ^= r.randrange(1, 256)
    return bytes(content)
def npz_metadata(r, b):
    deep = r.choice([100, 5000, 10**5, 9*10**5])
    ways = [b'['*deep+b']'*deep, b'{"a":'*(deep//5)+b'1'+b'}'*(deep//5), b'[]', b'null', b'"text"', b'\xff\xfe',
        b'{"task": NaN}', b'1'*10**5, b'', b'{', json.dumps(b.metadata).encode()[:-3],
        b'{"task": "PointReach", "sha256": "'+b'0'*64+b'"}',
        json.dumps(b.metadata | dict(task='two\nlines\x1b[2J')).encode(),
        json.dumps(b.metadata | dict(task=['PointReach'])).encode(),
        json.dumps(b.metadata | dict(task='x'*10**5)).encode(), json.dumps(b.metadata | dict(sha256=None)).encode(),
        json.dumps(b.metadata | dict(task='\ud800')).encode(),
        json.dumps(b.metadata | dict(note='x'*2*10**6)).encode(),
        json.dumps(b.metadata | dict(task='NoTask')).encode(),
        json.dumps({k: v for k, v in b.metadata.items() if k!='task'}).encode(), r.randbytes(300)]
    return rewritten(b, card=np.frombuffer(r.choice(ways) or b' ', np.uint8))
def no_npz(r, b):
    return r.choice([lambda: b'', lambda: r.randbytes(r.choice([1, 21, 22, 23, 100, 10_000])),
        lambda: b'observations,actions\n1,2\n', lambda: b.pkl, lambda: b'\x89PNG\r\n\x1a\n'+r.randbytes(99),
        lambda: b'PK\5\6'+bytes(18), lambda: b.npz+r.randbytes(r.randrange(1, 99)),
        lambda: r.randbytes(r.randrange(1, 99))+b.npz[r.randrange(1, 50):], lambda: b.npz[-r.randrange(22, 500):],
        lambda: bytes(10**5), lambda: b'\x93NUMPY\1\0'+b.npz, lambda: zlib.compress(b.npz),
        lambda: lzma.compress(b.npz), lambda: b'PK\3\4'*1000])()

# ---------------------------------------------------------------- damage to pickles

def text(s): return b'X'+struct.pack('<I', len(s))+s.encode()
def calls(b):
    "Programs that leave a canary, in as many spellings as there are."
    touch, path = f'touch {b.canary}', str(b.canary)
    evil = lambda *call: type('Evil', (), dict(__reduce__=lambda self: call))()
    objects = [evil(os.system, (touch,)), evil(os.mkdir, (path,)), evil(builtins.eval, (f'open({path!r}, "w")',)),
        evil(builtins.exec, (f'open({path!r}, "w")',)), evil(subprocess.Popen, (['touch', path],)),
        evil(builtins.open, (path, 'w')),
        evil(builtins.map, (os.system, [touch])), evil(np.save, (path, np.zeros(1))),
        evil(np.memmap, (path, 'u1', 'w+', 0, (1,))), evil(Path.touch, (Path(path),))]
    for o in objects:
        for protocol in (0, 2, 4, 5):
            class Array:
                def __reduce__(self, o=o):
                    return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b'b'), (1, (1,), np.dtype('f8'), False, o)
            class Type:
                def __reduce__(self, o=o): return np.dtype, (o, False, True)
            for holder in (o, [o], {'o': o}, {'o': np.zeros(2), 'note': [o]}, {'o': Array()}, {'o': Type()},
                {'o': np.array([o], dtype=object)}):
                with contextlib.suppress(Exception): yield pickle.dumps(holder, protocol)
    q = text(path)
    for module in ('os', 'posix'):
        yield from (f"(S'{path}'\ni{module}\nmkdir\n.".encode(), f'(c{module}\nmkdir\n'.encode()+q+b'o.', b'\x80\x04'
            +text(module)+text('mkdir')+b'\x93'+q+b'\x85R.', b'\x80\x04'+text(module)+text('mkdir')+b'\x93'+q
            +b'\x85\x81.',
            b'\x80\x04'+text(module)+text('mkdir')+b'\x93'+q+b'\x85}\x92.', f'c{module}\nmkdir\n'.encode()+q
            +b'\x85R0}.', b'}'+text('o')+f'c{module}\nmkdir\n'.encode()+q+b'\x85Rs.', b'\x80\x04'+text('numpy')
            +text(f'f2py.{module}.mkdir')+b'\x93'+q+b'\x85R.',
            f'Vnumpy\n0c{module}\nmkdir\n'.encode()+q+b'\x85R.', b'Vo\\u0073\nVmk\\u0064ir\n\x93'+q+b'\x85R.')
    yield from (b'cnumpy\nsave\n'+q+b'K\1\x86R.', b'cnumpy.testing._private.utils\nrunstring\n'
        +text(f'open({path!r}, "w")')+b'}\x86R.', b'cnumpy\nload\n'+q+b'\x85R.', b'cnumpy\nndarray\ncnumpy\ndtype\n'
        +text('os:mkdir')+b'\x85R\x85R.',
        b'c_codecs\nencode\n'+q+b'cos\nmkdir\n\x86R.', b'c__main__\n__builtins__\n.',
        b'cnumpy.core.multiarray\n_reconstruct\ncos\nmkdir\n'+q+b'\x85b.', b'crunpy\nrun_path\n'+q+b'\x85R.')
def odd(r, b):
    "Programs that use up time or memory, or that touch what they should not."
    big = r.choice([2**31-1, 2**32-1, 2**40, 2**62, 2**63, 2**64-1])
    n = r.randrange(30, 250)
    laughs = lambda last: b'\x80\x04)\x94'+b''.join(b'j'+struct.pack('<I', i)+b'j'+struct.pack('<I', i)+b'\x86\x94'
        for i in range(n))+last
    lists = b'\x80\x04]\x94'+b''.join(b'](j'+struct.pack('<I', i)+b'j'+struct.pack('<I', i)+b'e\x94' for i in range(n))
    return r.choice([b'Nr'+struct.pack('<I', min(big, 2**32-1))+b'.', b'}r'
        +struct.pack('<I', r.randrange(2**28, 2**32))+b'.', b'\x8e'+struct.pack('<Q', big%2**64)+b'x', b'\x8d'
        +struct.pack('<Q', big%2**64)+b'x', b'\x96'+struct.pack('<Q', big%2**64)+b'x',
        b'B'+struct.pack('<I', 2**32-1)+b'x', b'X'+struct.pack('<I', 2**32-1)+b'x', b'T'+struct.pack('<i', -1), b'T'
        +struct.pack('<i', 2**31-1), b'\x8b'+struct.pack('<i', 2**31-1)+b'1', b'\x8b'+struct.pack('<i', -1), b'\x95'
        +struct.pack('<Q', big%2**64)+b'N.',
        laughs(b'}j'+struct.pack('<I', n)+b'Ns.'), laughs(b'\x8fj'+struct.pack('<I', n)+b'.'),
        laughs(b'cnumpy\ndtype\nj'+struct.pack('<I', n)+b'R.'), laughs(b'.'),
        laughs(b'cnumpy\ndtype\n'+text('f8')+b'\x85Rj'+struct.pack('<I', n)+b'b.'), lists+b'}j'+struct.pack('<I', n)
        +b'Ns.', lists+b'.',
        b'N'*10**6+b'.', b'('*10**6, b']'*5000+b'a'*4999+b'.', b'('*3000+b't'*3000+b'.', b')'*3+b'\x85'*9000+b'.', b'V'
        +b'x'*10**6, b'V'+b'\\u0041'*10**5+b'\n.', b"S'"+b'\\x41'*10**5+b"'\n.", b'I'+b'9'*10**6+b'\n.', b'L'
        +b'9'*10**6+b'L\n.', b'F'+b'9'*10**5+b'\n.', b'F1e999\n.',
        b'\x82\1.', b'\x83\1\1.', b'\x84\1\1\1\1.', b'Pid\n.', b'NQ.', b'\x97.', b'N\x98.', b'\x8f.', b'N1.', b'N2.',
        b'.', b'0.', b'N0.', b't.', b'R.', b'b.', b's.', b'u.', b'e.', b'h\0.', b'g-1\n.', b'p-5\n.', b'\x80\xff.',
        b'\x80\x05', b'}N.', b'(K\1K\2d.', b'}(K\1u.', b']K\1K\2s.',
        b'cnumpy\nndarray\n}'+text('__class__')+b'Nsb.', b'cnumpy\ndtype\n'+text('f8')+b'\x85RN}'+text('plain')
        +b'Ns\x86b.', b'c_codecs\nencode\n}'+text('__code__')+b'Ns\x86b.', b'cnumpy.core.multiarray\n_reconstruct\n)R}'
        +text('array')+b'Nsb.', b'c_codecs\nencode\n'+text('x')+text('rot13')+b'\x86R.',
        b'c_codecs\nencode\n'+text('x'*1000)+b'\x85R.', b'cnumpy\ndtype\n'+text('O')+b'\x85R.', b'cnumpy\ndtype\n'
        +text('V2147483647')+b'\x85R.', b'cnumpy\ndtype\n'+text('f8,'*300)+b'\x85R.', b'c\n\n.', b'c'+b'a.'*500
        +b'\nb\n.', b'cnumpy\nndarray\n(K\x0cJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ft\x85R.'])
def buffer_of(**changes):
    return lambda b: pickle.dumps({k: v for k, v in (b.buffer | changes).items() if v is not None})
def program(content):
    "Places of a pickle that are instructions, not numbers, and where instructions begin."
    inside, starts = [], []
    ops = [(op.name, at) for op, _, at in pickletools.genops(content)]
    for (name, at), (_, end) in zip(ops, [*ops[1:], ('', len(content))]):
        starts.append(at)
        inside.extend(range(at, min(end, at+9) if end-at>200 else end))
    return inside, starts

def pkl_cut(r, b): return (c := r.choice([b.pkl, *b.foreign]))[:r.randrange(len(c))]
def pkl_flip(r, b): return flipped(r, b.pkl)
def pkl_block(r, b):
    i, n = r.randrange(len(b.pkl)), r.randrange(1, 400)
    return b.pkl[:i]+r.randbytes(n)+b.pkl[i+n:]
def pkl_program_flip(r, b):
    content = r.choice(b.foreign)
    if content not in PROGRAMS: PROGRAMS[content] = program(content)
    return flipped(r, content, PROGRAMS[content][0])
def pkl_call(r, b): return r.choice(CALLS)
def pkl_odd(r, b): return odd(r, b)
def pkl_splice(r, b):
    "An attack in the middle of an honest file."
    content = r.choice(b.foreign)
    if content not in PROGRAMS: PROGRAMS[content] = program(content)
    at = r.choice(PROGRAMS[content][1])
    attack = r.choice([r.choice(CALLS), odd(r, b)])
    return content[:at]+attack.removesuffix(b'.')+content[at:]
def pkl_soup(r, b):
    codes = [op.code.encode('latin1') for op in pickletools.opcodes]
    parts = [b'cnumpy\ndtype\n', b'cnumpy\nndarray\n', b'cnumpy.core.multiarray\n_reconstruct\n',
        b'c_codecs\nencode\n', b'cos\nsystem\n', text('f8'), text('o'), text(f'touch {b.canary}'), b'K\1', b')', b'}',
        b'(', b't', b'R', b'b', b's', b'\x85', b'\x94']
    return b''.join(r.choice([r.choice(codes), r.choice(parts)]) for _ in range(r.randrange(1, 80)))+b'.'
def pkl_arrays(r, b):
    k = r.choice(['o', 'u', 'g', 'ag'])
    x = b.buffer[k]
    spoilt = x.copy()
    spoilt.reshape(-1)[r.randrange(x.size)] = r.choice([np.nan, np.inf, -1e300, 1e30])
    ways = [x.astype(d) for d in ('i8', '?', 'c16', 'S8', 'U8', 'O', 'M8[s]')]+[x[:-1], x[:, :-1], x[..., :0], x[0],
        x[..., None], x[:0], np.zeros((0, 50, 2)), 3, 'text', [1, 2], spoilt, spoilt, np.zeros(x.shape, [('a', 'f8')])]
    if k!='ag': ways.append(None)
    if k=='g': ways.append(x+np.arange(49)[:, None])
    return buffer_of(**{k: r.choice(ways)})(b)
def no_pkl(r, b):
    return r.choice([lambda: b'', lambda: r.randbytes(r.choice([1, 5, 100, 10_000])), lambda: b.npz,
        lambda: b'hello world', lambda: json.dumps(dict(o=[1])).encode(), lambda: pickle.dumps([1, 2]),
        lambda: pickle.dumps(np.zeros(3)), lambda: b.foreign[3]+r.randbytes(r.randrange(1, 200)), lambda: b.pkl+b'x',
        lambda: b'\x80\x04K\1.'])()

CALLS, PROGRAMS = [], {}
NPZ = [npz_cut, npz_flip, npz_plain_flip, npz_flips, npz_directory_flip, npz_block, npz_hole, npz_dtype, npz_shape,
    npz_value, npz_label, npz_bomb, npz_entries, npz_method, npz_metadata, no_npz]
PKL = [pkl_cut, pkl_flip, pkl_block, pkl_program_flip, pkl_call, pkl_call, pkl_odd, pkl_splice, pkl_soup, pkl_arrays,
    no_pkl]

def minari_case(r, b):
    "A copy of the Minari dataset with a changed description or a changed data file; half of them without the checksum that we leave."
    place = b.minari.parent/'bad-v0'
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(b.minari, place)
    meta, main = place/'data'/'metadata.json', place/'data'/'main_data.hdf5'
    way = r.randrange(6)
    if way==0:
        meta.write_bytes(r.choice([b'', b'[]', b'{', b'['*10**6, b'null', b'{"data_format": "hdf5"',
            b'{"data_format": "arrow"}', b'x'*2*10**6, flipped(r, meta.read_bytes())[:r.randrange(1, 500)]]))
    if way==1: main.write_bytes(main.read_bytes()[:r.randrange(main.stat().st_size)])
    if way==2: main.write_bytes(flipped(r, main.read_bytes()))
    if way==3: main.unlink()
    if way>3:
        found = json.loads(meta.read_text())
        del found['goplan_nb']
        meta.write_text(json.dumps(found))
        main.write_bytes(main.read_bytes()[:r.randrange(main.stat().st_size)] if way==4
            else r.randbytes(r.choice([0, 8, 10_000])))
    return 'minari:fuzz/bad-v0'

# ---------------------------------------------------------------- one case

class Limited(pickle.Unpickler):
    "Python's own reader, for NumPy's names only: what a pickle without checksum says."
    def find_class(self, module, name):
        if name not in ('ndarray', 'dtype', '_reconstruct', '_frombuffer',
            'encode') or module.split('.')[0] not in ('numpy', '_codecs'):
            raise pickle.UnpicklingError(name)
        return super().find_class(module, name)

def same(e, f):
    return all(np.array_equal(getattr(e, n).numpy(), getattr(f, n).numpy())
        for n in ('observations', 'actions', 'goals', 'lengths'))

def arguments(r, src, kind, folder):
    "The command of a case and what it would write."
    how = r.choice(['info', 'convert', 'train'] if kind=='npz' else ['info', 'convert', 'convert'])
    given = ['--task', TASK] if kind=='pkl' else []
    if how=='info': return ['info', src, *given], None
    if how=='convert': return ['convert', src, str(folder/'out.npz'), *given], folder/'out.npz'
    return ['train', 'gcsl', TASK, '--data', src, '--out', str(folder/'run'), '--updates', '1', '--hidden', '8',
        '--evaluate-episodes', '1', '--device', 'cpu'], folder/'run'

def accepted(src, name, out, b):
    "Whether exit code 0 is right: 'equal', 'as read', or what is wrong."
    from goplan_nb.data.formats import load_any
    from goplan_nb.envs.tasks import get_task
    original = b.folder/('a.npz' if str(src).endswith('.npz') else 'a.pkl' if name in ('pkl_flip', 'pkl_block')
        else 'foreign3.pkl')
    (e, metadata), (f, want) = load_any(src, get_task(TASK)), load_any(original, get_task(TASK))
    if out and out.suffix=='.npz' and not same(load_any(out)[0], e):
        return 'the converted arrays differ from those read'
    metadata.pop('source', 0); want.pop('source', 0)
    if same(e, f) and metadata==want: return 'equal'
    if name not in ('pkl_program_flip', 'pkl_splice'): return f'accepted with other arrays or another metadata: {name}'
    try:
        with open(src, 'rb') as g, np.errstate(all='ignore'): theirs = Limited(g, encoding='latin1').load()
        equal = all(np.array_equal(np.asarray(theirs[k], np.float32), v)
            for k, v in dict(o=e.observations.numpy(), u=e.actions.numpy(),
            g=e.goals[:, None].expand(-1, e.horizon, -1).numpy()).items())
    except Exception as x: return f'accepted, but Python refuses it: {type(x).__name__}: {x}'
    return 'as read' if equal else 'read otherwise than Python reads it'

def run_case(i, b):
    "What became of case i: 'refused', 'equal', 'as read', or a complaint."
    from goplan_nb.lab.cli import main
    r = random.Random(i)
    families = [(f, 'npz') for f in NPZ]+[(f, 'pkl') for f in PKL]
    f, kind = families[i%len(families)]
    if i%40==39 and b.minari.exists(): src, name, kind = minari_case(r, b), 'minari', 'minari'
    else:
        src, name = str(b.folder/f'case.{kind}'), f.__name__
        Path(src).write_bytes(f(r, b))
    args, out = arguments(r, src, kind, b.folder)
    before = sorted(p.name for p in b.folder.iterdir())
    said, shown = io.StringIO(), io.StringIO()
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown): code = main(args)
    except BaseException as e: return name, f'{args[0]}: {type(e).__name__}: {e}'
    finally: signal.alarm(0)
    lines = said.getvalue().splitlines()
    if b.canary.exists(): return name, f'{args[0]}: CODE WAS RUN'
    if code==2:
        if len(lines)!=1 or not lines[0].startswith('goplan: ') or not lines[0].isprintable():
            return name, f'{args[0]}: not one line: {lines}'
        if 'MemoryError' in lines[0] or 'memory' in lines[0]: return name, f'{args[0]}: out of memory: {lines}'
        after = sorted(p.name for p in b.folder.iterdir())
        return name, 'refused' if after==before else f'{args[0]}: refused, but left {set(after)-set(before)}'
    why = accepted(src, name, out, b) if code==0 else f'{args[0]}: exit code {code}'
    for left in ('out.npz', 'run'):
        shutil.rmtree(b.folder/left) if (b.folder/left).is_dir() else (b.folder/left).unlink(missing_ok=True)
    return name, why

def memory():
    return {line.split(':')[0]: int(line.split()[1])*1024 for line in open('/proc/self/status')
        if line.startswith('Vm')} if sys.platform=='linux' else {}

def work(folder, start, stop):
    "Run cases in this process under the limits; one JSON line per case, and one on memory."
    folder = Path(folder)
    os.environ['MINARI_DATASETS_PATH'] = str(folder/'minari')
    (folder/'minari').mkdir(exist_ok=True)
    sound(folder)
    b = Base(folder)
    CALLS.extend(calls(b))
    # everything is imported and warm before memory is counted
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        from goplan_nb.lab.cli import main
        for n in ('a.npz', 'a.pkl'): assert main(['info', str(folder/n)])==0
        assert main(['train', 'gcsl', TASK, '--data', str(folder/'a.npz'), '--out', str(folder/'run'), '--updates',
            '1', '--hidden', '8', '--evaluate-episodes', '1', '--device', 'cpu'])==0
    shutil.rmtree(folder/'run')
    def alarm(*_): raise TimeoutError(f'longer than {SECONDS} s')
    signal.signal(signal.SIGALRM, alarm)
    at = memory()
    if at: resource.setrlimit(resource.RLIMIT_AS, (at['VmSize']+ROOM,)*2)
    for i in range(start, stop):
        print(json.dumps([i, None, None]), flush=True)
        print(json.dumps([i, *run_case(i, b)]), flush=True)
    grown = memory()
    print(json.dumps(['memory', (grown['VmHWM']-at['VmHWM'])/2**20 if at else 0, 0]), flush=True)

# ---------------------------------------------------------------- the tests

@pytest.mark.parametrize('start', range(0, COUNT, PART))
def test_malformed_files_are_refused(start, tmp_path):
    stop = min(start+PART, COUNT)
    env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    begin = time.time()
    done = subprocess.run([sys.executable, __file__, str(tmp_path), str(start), str(stop)], capture_output=True,
        text=True, env=env, timeout=120+(stop-start))
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('[')]
    results = {i: (name, what) for i, name, what in rows if name is not None and i!='memory'}
    assert done.returncode==0, (f'the worker ended with {done.returncode} in case', rows[-1:], done.stderr[-2000:])
    tally = {}
    for name, what in results.values(): tally.setdefault(what, {}).setdefault(name, 0); tally[what][name] += 1
    summary = {what: sum(names.values()) for what, names in tally.items()}
    print(f'\ncases {start} to {stop-1}: {summary}, {time.time()-begin:.0f} s, memory {rows[-1][1]:.0f} MiB beyond the '
        f'start')
    for what in ('equal', 'as read'): print(f'    {what}: {tally.get(what, {})}')
    wrong = {i: r for i, r in results.items() if r[1] not in ('refused', 'equal', 'as read')}
    assert not wrong, dict(list(wrong.items())[:20])
    assert len(results)==stop-start and summary.get('refused', 0)>.8*len(results)

def peak(code, *args):
    "MiB that a piece of code takes beyond the imports, in a process of its own, and what it prints."
    script = f'import resource, sys\nfrom goplan_nb.lab.cli import main\nfrom goplan_nb.data.formats import *\nimport numpy as np\nfrom goplan_nb.data import *\ndef high(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])/1024\nstart = high()\n{code}\nprint(high()-start)'
    done = subprocess.run([sys.executable, '-c', script, *map(str, args)], capture_output=True, text=True, timeout=300,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=os.pathsep.join(p for p in sys.path if p)))
    return float(done.stdout.split()[-1]), done.stdout+done.stderr

@pytest.mark.skipif(sys.platform!='linux', reason='reads the memory of a process from /proc')
def test_a_bomb_that_tells_the_truth_takes_less_than_2_gib(tmp_path):
    "Within all limits: an array of 0.9 GiB of zeros in 1 MB, whose label fits. It is read, and refused since the other arrays do not fit."
    rows = int(.9*2**30)//400
    with zipfile.ZipFile(tmp_path/'bomb.npz', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for name, shape in dict(observations='(12, 51, 2)', goals='(12, 2)').items():
            z.writestr(f'{name}.npy', label(shape=shape)+bytes(4*math.prod(eval(shape))))
        z.writestr('lengths.npy', label("'<i4'", shape='(12,)')+bytes(48))
        z.writestr('card.npy', label("'|u1'", shape='(2,)')+b'{}')
        with z.open('actions.npy', 'w') as f:
            f.write(label(shape=f'({rows}, 50, 2)'))
            for _ in range(rows//1000): f.write(bytes(400_000))
            f.write(bytes(rows%1000*400))
    used, said = peak('print(main(["info", sys.argv[1]]))', tmp_path/'bomb.npz')
    print(f'\na bomb of {(tmp_path/"bomb.npz").stat().st_size:,} bytes: {used:.0f} MiB')
    assert used<1500 and '\n2\n' in '\n'+said, said

if __name__=='__main__': work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
