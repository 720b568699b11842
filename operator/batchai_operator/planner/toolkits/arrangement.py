"""Finds the module of a job's toolkit.

Used by build.py and job.py. A toolkit that is not built yet fails the job at once and names its
field; building one means a module here and a case below.
"""

from typing import assert_never

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.model.toolkits import (
    Caffe2Settings,
    CaffeSettings,
    ChainerSettings,
    CNTKSettings,
    CustomMpiSettings,
    CustomToolkitSettings,
    HorovodSettings,
    PyTorchSettings,
    TensorFlowSettings,
)
from batchai_operator.planner.toolkits import custom, tensorflow
from batchai_operator.planner.toolkits.tasks import Arrangement, Shape, ToolkitPlanner

_TENSORFLOW: ToolkitPlanner[TensorFlowSettings] = tensorflow.arrange
_CUSTOM: ToolkitPlanner[CustomToolkitSettings] = custom.arrange


def arrange(spec: JobSpec, gpus: int) -> Arrangement:
    """Return the tasks of a job by node.

    Args:
        spec: of the job.
        gpus: GPUs of each node.

    Raises:
        InvalidSpecError: the toolkit is not built (code `UnsupportedToolkit`), or does not fit the
            nodes.
    """
    toolkit, shape = spec.toolkit, Shape(spec.node_count, gpus)
    match toolkit:
        case TensorFlowSettings():
            return _TENSORFLOW(toolkit, shape)
        case CustomToolkitSettings():
            return _CUSTOM(toolkit, shape)
        case CNTKSettings():
            raise _unsupported("cntkSettings")
        case PyTorchSettings():
            raise _unsupported("pyTorchSettings")
        case CaffeSettings():
            raise _unsupported("caffeSettings")
        case Caffe2Settings():
            raise _unsupported("caffe2Settings")
        case ChainerSettings():
            raise _unsupported("chainerSettings")
        case HorovodSettings():
            raise _unsupported("horovodSettings")
        case CustomMpiSettings():
            raise _unsupported("customMpiSettings")
        case _:
            assert_never(toolkit)


def _unsupported(field: str) -> InvalidSpecError:
    return InvalidSpecError(
        f"{field}: this toolkit is not supported yet; tensorFlowSettings and customToolkitSettings "
        "are",
        code="UnsupportedToolkit",
        field=field,
    )
