"""Which user name and password RDS takes for Aurora PostgreSQL. Values are judged here and never shown."""

from __future__ import annotations

import re

# Source: Amazon RDS API Reference, CreateDBCluster's `MasterUsername`, and Amazon Aurora User Guide,
# "Understanding PostgreSQL roles and permissions": 1 to 16 characters for Aurora (63 are RDS for
# PostgreSQL's); the underscore is of the resource's schema in CloudFormation (`^[a-zA-Z]{1}[a-zA-Z0-9_]*$`).
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")
# RDS's own refusals ("… is a reserved word used by the engine"), the roles that are there before, and the
# words that no role can be named by. Source: PostgreSQL 17 documentation, appendix C "SQL Key Words"
# (reserved), and CREATE ROLE; Amazon Aurora User Guide, "Understanding PostgreSQL roles and permissions".
_WORDS = """
admin rdsadmin
rds_ad rds_iam rds_password rds_replication rds_superuser rdsproxyadmin rdsrepladmin rdstopmgr
rdswriteforwarduser
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_catalog current_date current_role current_time current_timestamp current_user default deferrable
desc distinct do else end except false fetch for foreign from grant group having in initially intersect
into lateral leading limit localtime localtimestamp none not null offset on only or order placing primary
public references returning select session_user some symmetric system_user table then to trailing true
union unique user using variadic when where window with
"""
_RESERVED = frozenset(_WORDS.split())
# Source: Amazon Aurora User Guide, "Settings for Aurora DB clusters": 41 is Aurora MySQL's limit, and the one
# that the API reference gives for all engines. RDS says of more: "longer than 99 characters".
_LEAST, _MOST = 8, 99
_REFUSED = frozenset('/"@ ')


def name_misfit(name: str) -> str:
    """Why RDS refuses the user name; empty if it does not."""
    if not _NAME.fullmatch(name):
        return "is not 1 to 16 letters, digits and underscores with a letter first"
    if name.lower().startswith("pg_"):
        return "begins with pg_, which PostgreSQL keeps for itself"
    if name.lower() in _RESERVED:
        return "is a word that RDS or PostgreSQL keeps for itself (as admin, rdsadmin, user)"
    return ""


def password_misfit(password: str) -> str:
    """Why RDS refuses the password; empty if it does not."""
    if not _LEAST <= len(password) <= _MOST:
        return f"does not have {_LEAST} to {_MOST} characters"
    if not all("!" <= character <= "~" for character in set(password) - _REFUSED):
        return "has a character that is not printable ASCII"
    if _REFUSED & set(password):
        return 'has a /, ", @ or space, which RDS does not take'
    return ""
