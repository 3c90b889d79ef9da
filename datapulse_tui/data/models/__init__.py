"""All tables, one file per domain. Importing this package registers every one of them on `Base.metadata`."""

from __future__ import annotations

from datapulse_tui.data.models.access import Invitation, SignInSession, SshKey
from datapulse_tui.data.models.alerts import Alert, AlertEvaluation, AlertSeries
from datapulse_tui.data.models.audit import AuditLog, AuditSeal
from datapulse_tui.data.models.bulletins import Comment, Post, PostTag, Tag
from datapulse_tui.data.models.dashboards import Dashboard, DashboardShare, Widget
from datapulse_tui.data.models.incidents import AlertIncident, AlertNotification, AlertSnooze, IncidentEvent
from datapulse_tui.data.models.metrics import MetricSample, MetricSampleHourly, MetricSeries
from datapulse_tui.data.models.notify import Delivery, DeliveryAttempt, DeliveryLimit, NotificationChannel
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
from datapulse_tui.data.models.views import SavedView
from datapulse_tui.data.models.workflows import Delegation, Workflow, WorkflowEvent, WorkflowVote

__all__ = [
    "Alert", "AlertEvaluation", "AlertIncident", "AlertNotification", "AlertSeries", "AlertSnooze", "ApiKey",
    "AuditLog", "AuditSeal", "Comment", "Dashboard", "DashboardShare", "DataModel", "DataSource", "DataSourceGrant",
    "Delegation", "Delivery", "DeliveryAttempt", "DeliveryLimit", "Department", "IncidentEvent", "Invitation",
    "MetricSample", "MetricSampleHourly", "MetricSeries", "NotificationChannel", "Post", "PostTag", "Profile", "Query",
    "Report", "Role", "SavedView", "SignInAttempt", "SignInSession", "SshKey", "Tag", "User", "UserPreference",
    "UserRole", "Widget", "Workflow", "WorkflowEvent", "WorkflowVote",
]  # fmt: skip
