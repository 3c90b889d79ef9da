"""All tables, one file per domain. Importing this package registers every one of them on `Base.metadata`."""

from __future__ import annotations

from datapulse_tui.data.models.alerts import Alert, AlertNotification
from datapulse_tui.data.models.audit import AuditLog, AuditSeal
from datapulse_tui.data.models.bulletins import Comment, Post, PostTag, Tag
from datapulse_tui.data.models.dashboards import Dashboard, DashboardShare, Widget
from datapulse_tui.data.models.people import (
    ApiKey,
    Department,
    Profile,
    Role,
    SignInAttempt,
    User,
    UserPreference,
    UserRole,
)
from datapulse_tui.data.models.reports import Report
from datapulse_tui.data.models.sources import DataModel, DataSource, DataSourceGrant, Query
from datapulse_tui.data.models.workflows import Workflow

__all__ = [
    "Alert", "AlertNotification", "ApiKey", "AuditLog", "AuditSeal", "Comment", "Dashboard", "DashboardShare",
    "DataModel", "DataSource", "DataSourceGrant", "Department", "Post", "PostTag", "Profile", "Query", "Report",
    "Role", "SignInAttempt", "Tag", "User", "UserPreference", "UserRole", "Widget", "Workflow",
]  # fmt: skip
