"""What the process has read from which commands are forked: the command's modules, and botocore's models."""

from __future__ import annotations

import importlib
import pkgutil

import botocore.session
import pytest

from fraud_cfn import deploy
from fraud_cfn.config import REGION
from tests import botocore_once
from tests.deploy import forked as forked

for _module in pkgutil.walk_packages(deploy.__path__, f"{deploy.__name__}."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)
botocore_once.share(pytest.MonkeyPatch())
SERVICES = """application-autoscaling cloudformation ec2 ecr ecs elbv2 iam kms logs rds s3 scheduler
secretsmanager servicediscovery sts"""
for _name in SERVICES.split():
    botocore.session.get_session().create_client(
        _name, REGION, aws_access_key_id="none", aws_secret_access_key="none"
    )  # with credentials, so that it looks for none, at files or at the network
