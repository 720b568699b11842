"""The models agree with the tables that the API server is held to as well."""

import pytest
from pydantic import BaseModel, ValidationError

from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.fileserver import FileServerSpec
from batchai_operator.model.job import JobSpec
from support.crd_tables import SECRET, Case, bad_cases, good_cases

MODELS: dict[str, type[BaseModel]] = {
    "job": JobSpec,
    "cluster": ClusterSpec,
    "fileserver": FileServerSpec,
}


@pytest.mark.parametrize("case", good_cases(), ids=str)
def test_a_good_object_is_read(case: Case) -> None:
    MODELS[case.kind].model_validate(case.spec)


@pytest.mark.parametrize("case", bad_cases(), ids=str)
def test_a_bad_object_is_refused_with_field_and_remedy(case: Case) -> None:
    with pytest.raises(ValidationError) as caught:
        MODELS[case.kind].model_validate(case.spec)
    text = str(caught.value)
    for words in case.model_says:
        assert words in text
    assert SECRET not in text
