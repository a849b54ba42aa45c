"""Failures and warnings go to one place: the Airflow connection ``headrace_notify``.

- type ``http``: a POST of JSON to the connection's address (a chat's webhook, an incident tool).
  A secret end of the address goes in the connection's password, with no login beside it.
- type ``smtp`` or ``email``: a mail through that server. Extra ``to`` holds the recipients, parted
  by commas, and ``from_email`` the sender.
- no such connection: the log.

A notification that cannot be sent is written to the log, and never fails the task.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.headrace.notice import Notice, failure_notice, warning_notice

if TYPE_CHECKING:
    from airflow.sdk import Connection

CONN_ID = "headrace_notify"

ATTEMPTS = 3
TIMEOUT_SECONDS = 10
"""For connecting and for each read, of either kind of server."""

MAX_WAIT_SECONDS = 15
"""Longest pause between two attempts; a longer Retry-After is cut to it."""

RETRIED_STATUSES = (429, 500, 502, 503, 504)

log = logging.getLogger(__name__)


def notify_failure(context: Mapping[str, Any]) -> None:
    """Tell of a failed task. ``context`` is what Airflow gives an ``on_failure_callback``. Never raises."""
    try:
        _deliver(failure_notice(context), logging.ERROR)
    except Exception as error:
        log.error("The notifier failed (%s); mend the connection %s.", type(error).__name__, CONN_ID)


def notify_warning(
    *,
    context: Mapping[str, Any],
    test_name: str,
    failures: int,
    compiled_sql: str,
    rows_query: str = "",
    message: str = "",
) -> None:
    """Tell of a dbt test of severity ``warn`` that found ``failures`` rows, or of a source that grows stale.

    ``rows_query`` is the statement that reads the rows, where the test keeps them; ``message`` is what dbt
    says. Never raises.
    """
    try:
        notice = warning_notice(context, test_name, failures, compiled_sql, rows_query, message)
        _deliver(notice, logging.WARNING)
    except Exception as error:
        log.error("The notifier failed (%s); mend the connection %s.", type(error).__name__, CONN_ID)


def _deliver(notice: Notice, level: int) -> None:
    connection = _connection()
    if connection is None:
        log.log(level, "%s", notice.text)
        return
    senders = {"http": _post, "https": _post, "smtp": _mail, "email": _mail}
    sender = senders.get(str(connection.conn_type))
    if sender is None:
        log.log(level, "%s", notice.text)
        log.error(
            "Connection %s has the type %s; make it http (webhook) or smtp (mail).",
            CONN_ID,
            connection.conn_type,
        )
        return
    try:
        sender(connection, notice)
    except Exception as error:
        # The error's own text may hold the webhook's address, and that is a secret.
        log.log(level, "%s", notice.text)
        log.error("The notification was not sent through %s: %s.", CONN_ID, _reason(error))


def _connection() -> Connection | None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(CONN_ID)
    except AirflowNotFoundException:
        return None


class NotSentError(Exception):
    """The server answered, and did not take the notification. The text holds no secret."""


def _reason(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    if isinstance(error, NotSentError):
        return str(error)
    return type(error).__name__ + (f" {code}" if code else "")


def _post(connection: Connection, notice: Notice) -> None:
    from airflow.providers.http.hooks.http import HttpHook
    from airflow.sdk.log import mask_secret
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    # Webhooks carry their secret in the path, and the libraries below log the path.
    # The end of the path is masked by itself too: of two secrets that begin alike, the masker may take
    # the shorter and leave the rest.
    path = urlsplit(connection.host or "").path.strip("/")
    for secret in {path, path.rpartition("/")[2]} - {""}:
        mask_secret(secret)
    retry = Retry(
        total=ATTEMPTS - 1,
        allowed_methods={"POST"},
        status_forcelist=RETRIED_STATUSES,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        backoff_max=MAX_WAIT_SECONDS,
        retry_after_max=MAX_WAIT_SECONDS,
        raise_on_status=False,
    )
    hook = HttpHook(method="POST", http_conn_id=CONN_ID, adapter=HTTPAdapter(max_retries=retry))
    response = hook.run(
        endpoint=connection.password if connection.password and not connection.login else None,
        json=notice.as_dict(),
        # A redirected POST becomes a GET, and its 200 would look like success.
        extra_options={"timeout": TIMEOUT_SECONDS, "check_response": False, "allow_redirects": False},
    )
    if not 200 <= response.status_code < 300:
        raise NotSentError(f"the webhook answered {response.status_code}")


def _mail(connection: Connection, notice: Notice) -> None:
    import tenacity

    recipients = connection.extra_dejson.get("to")
    if not recipients:
        raise NotSentError("the connection has no recipients; put them in its extra as `to`")
    send = tenacity.retry(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=MAX_WAIT_SECONDS),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )(_mail_once)
    send(recipients, notice)


def _mail_once(recipients: str | list[str], notice: Notice) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=CONN_ID) as hook:
        hook.send_email_smtp(
            to=recipients, subject=notice.subject, html_content=f"<pre>{html.escape(notice.text)}</pre>"
        )


def _may_pass(error: BaseException) -> bool:
    """True for what another attempt may cure: no connection, a server that is busy (4xx)."""
    from smtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

    if isinstance(error, SMTPResponseException):
        return 400 <= error.smtp_code < 500
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPServerDisconnected)
    return isinstance(error, OSError)
