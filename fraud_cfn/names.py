"""The names that the template and the command share: the template declares them, the command asks for them.

The command never guesses: a name that a deployed template lacks is a refusal that says the name. Workloads
have no names here; the command reads them from the deployed template.
"""

from __future__ import annotations

# ── Parameters ──

SERVICES_ENABLED = "ServicesEnabled"
DATABASE_CREDENTIALS_ARN = "DatabaseCredentialsArn"
DATABASE_CREDENTIALS_VERSION = "DatabaseCredentialsVersion"
API_KEYS_ARN = "ApiKeysArn"
SECRETS_KMS_KEY_ARNS = "SecretsKmsKeyArns"
DATA_KMS_KEY_ARN = "DataKmsKeyArn"
VPC_CIDR = "VpcCidr"
CERTIFICATE_ARN = "CertificateArn"
ACCESS_LOG_BUCKET = "AccessLogBucket"
WEB_ACL_ARN = "WebAclArn"
PERMISSIONS_BOUNDARY_ARN = "PermissionsBoundaryArn"
API_DEPLOYMENT_STRATEGY = "ApiDeploymentStrategy"
API_CANARY_PERCENT = "ApiCanaryPercent"
API_STEP_MINUTES = "ApiStepMinutes"
API_BAKE_TIME_MINUTES = "ApiBakeTimeMinutes"
CPU_ARCHITECTURE = "CpuArchitecture"
DATABASE_ENGINE_VERSION = "DatabaseEngineVersion"
DATABASE_MIN_CAPACITY = "DatabaseMinCapacity"
DATABASE_MAX_CAPACITY = "DatabaseMaxCapacity"

# ── What the load balancer's logs begin with, before the suffix ──

ACCESS_LOG_PREFIX = "fraud-alb"

# ── Outputs ──

LOAD_BALANCER_URL = "LoadBalancerUrl"
