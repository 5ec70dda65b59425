import torch
from goplan_nb.tasks import *
from goplan_nb.experts import *
for n in (500,4000):
    t=get_task('PointRooms'); e=rollout(t.make(),lambda o,g: straight(o[0],g[0])[None],range(n)).map(lambda x:x[0]); r=returns(t,e); print(n,r.mean(),(r==0).float().mean())
