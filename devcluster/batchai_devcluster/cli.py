import sys
from batchai_devcluster.devcluster import Devcluster
from batchai_devcluster.paths import Paths
from batchai_devcluster.shape import Shape
def main(a):
    d=Devcluster(Paths.from_environment())
    if a[0]=="up": d.up(Shape())
    elif a[0]=="down": d.down()
    elif a[0]=="status": print(d.problem())
    return 0
