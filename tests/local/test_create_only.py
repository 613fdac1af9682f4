from __future__ import annotations

import pytest

from fraud_cfn.config import REGION
from fraud_cfn.local.create_only import CREATE_ONLY


@pytest.mark.parametrize("resource_type", CREATE_ONLY)
def test_the_list_is_that_of_the_resource_schema(resource_type: str) -> None:
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # half a second: not at collection, in every worker

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
    paths = [path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])]
    assert list(CREATE_ONLY[resource_type]) == sorted(path for path in paths if "/" not in path)
