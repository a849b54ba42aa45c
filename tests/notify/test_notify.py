"""The notifier against real servers: what arrives, what is retried, and that no secret leaves."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from include.headrace.notify import ATTEMPTS, notify_failure, notify_warning
from tests.notify.conftest import Connect, Mailbox
from tests.support.webhook import Webhook

TEXT = (
    "[local] ingest__shop.orders.load failed\n"
    "run: manual__1\n"
    "try: 3\n"
    "log: http://airflow.example.com/dags/ingest__shop/runs/manual__1/tasks/orders.load\n"
    "RuntimeError: first line\n"
    "second line"
)


def use(connect: Connect, webhook: Webhook, **fields: Any) -> None:
    connect(**{"conn_type": "http", "host": f"http://127.0.0.1:{webhook.port}/hook", **fields})


def use_mail(connect: Connect, port: int, **extra: Any) -> None:
    settings = {
        "disable_ssl": True,
        "disable_tls": True,
        "from_email": "headrace@example.com",
        "retry_limit": 0,
    }
    recipients = {"to": "ana@example.com, ben@example.com"}
    connect(conn_type="smtp", host="127.0.0.1", port=port, extra={**settings, **recipients, **extra})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_failure_reaches_the_webhook_as_text_and_facts(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook)
    notify_failure(context)
    [(path, headers, body)] = webhook.requests
    assert path == "/hook"
    assert headers["Content-Type"] == "application/json"
    assert body == {
        "text": TEXT,
        "event": "failure",
        "environment": "local",
        "dag_id": "ingest__shop",
        "task_id": "orders.load",
        "run_id": "manual__1",
        "try_number": 3,
        "log_url": "http://airflow.example.com/dags/ingest__shop/runs/manual__1/tasks/orders.load",
        "error": "RuntimeError: first line\nsecond line",
        "test_name": "",
        "failures": None,
        "compiled_sql": "",
        "rows_query": "",
    }


def test_a_warning_carries_the_test_and_its_statement(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook)
    notify_warning(
        context=context, test_name="not_null_orders_id", failures=4, compiled_sql="select 1\n{{ x }}"
    )
    [(_, _, body)] = webhook.requests
    assert body["event"] == "warning"
    assert (body["test_name"], body["failures"]) == ("not_null_orders_id", 4)
    assert body["compiled_sql"] == "select 1\n{{ x }}"
    assert body["text"].startswith("[local] not_null_orders_id warned: 4 rows in ingest__shop.orders.load\n")
    assert body["text"].endswith("select 1\n{{ x }}")


def test_a_warning_carries_the_whole_statement_and_how_to_read_the_rows(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook)
    statement = "select *\n" + "\n" * 60 + "from ORDERS"
    kept = "select * from AUDIT.T"
    notify_warning(context=context, test_name="t", failures=1, compiled_sql=statement, rows_query=kept)
    [(_, _, body)] = webhook.requests
    assert (body["compiled_sql"], body["rows_query"]) == (statement, kept)
    assert f"\nThe rows are kept: {kept}\nselect *\n" in body["text"]


def test_the_secret_end_of_the_address_comes_from_the_password(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook, host=f"http://127.0.0.1:{webhook.port}/services", password="T000/B000/xyzzy")
    notify_failure(context)
    assert [path for path, _, _ in webhook.requests] == ["/services/T000/B000/xyzzy"]


def test_a_login_is_sent_as_basic_authentication(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook, login="ana", password="pw-of-ana")
    notify_failure(context)
    [(path, headers, _)] = webhook.requests
    assert path == "/hook"
    assert headers["Authorization"] == "Basic YW5hOnB3LW9mLWFuYQ=="


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_webhook_is_asked_again(
    connect: Connect, webhook: Webhook, context: dict[str, Any], status: int
) -> None:
    use(connect, webhook)
    webhook.answers = [(status, {"Retry-After": "0"})]
    notify_failure(context)
    assert len(webhook.requests) == 2
    assert webhook.requests[0] == webhook.requests[1]


def test_a_webhook_that_stays_down_is_given_up_and_the_log_has_it_all(
    connect: Connect, webhook: Webhook, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    use(connect, webhook)
    webhook.answers = [(500, {})] * 10
    notify_failure(context)
    assert len(webhook.requests) == ATTEMPTS
    assert [record.getMessage() for record in caplog.records if record.name == "include.headrace.notify"] == [
        TEXT,
        "The notification was not sent through headrace_notify: the webhook answered 500.",
    ]


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_refusal_is_not_retried_and_not_taken_for_success(
    connect: Connect, webhook: Webhook, context: dict[str, Any], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    use(connect, webhook)
    webhook.answers = [(status, {"Location": "/login"})]
    notify_failure(context)
    assert len(webhook.requests) == 1
    assert f"the webhook answered {status}" in caplog.text


def test_an_unreachable_webhook_does_not_fail_the_task_and_its_address_is_not_told(
    connect: Connect, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    connect(conn_type="http", host=f"http://127.0.0.1:{free_port()}/services/of-the-unreachable")
    notify_failure(context)
    own = [record.getMessage() for record in caplog.records if record.name == "include.headrace.notify"]
    assert own == [TEXT, "The notification was not sent through headrace_notify: ConnectionError."]
    # What the libraries logged passes the masker on its way into a task's log.
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    assert "of-the-unreachable" in caplog.text
    assert "of-the-unreachable" not in str(redact(caplog.text))


def test_a_mail_reaches_every_recipient(connect: Connect, mailbox: Mailbox, context: dict[str, Any]) -> None:
    use_mail(connect, mailbox.port)
    context["exception"] = RuntimeError("1 < 2 & <b>bold</b>")
    notify_failure(context)
    [(recipients, raw)] = mailbox.messages
    assert recipients == ["ana@example.com", "ben@example.com"]
    message = email.message_from_string(raw, policy=email.policy.default)
    assert message["Subject"] == "[local] ingest__shop.orders.load failed"
    assert message["From"] == "headrace@example.com"
    [part] = [part for part in message.walk() if part.get_content_type() == "text/html"]
    assert "RuntimeError: 1 &lt; 2 &amp; &lt;b&gt;bold&lt;/b&gt;</pre>" in part.get_content()


def test_a_busy_mail_server_is_asked_again(
    connect: Connect, mailbox: Mailbox, context: dict[str, Any]
) -> None:
    use_mail(connect, mailbox.port)
    mailbox.refusals = [b"451 try later"]
    notify_failure(context)
    assert mailbox.attempts == 2
    assert len(mailbox.messages) == 1


def test_a_mail_server_that_refuses_is_not_asked_again(
    connect: Connect, mailbox: Mailbox, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    use_mail(connect, mailbox.port)
    mailbox.refusals = [b"550 not from you"]
    notify_failure(context)
    assert (mailbox.attempts, mailbox.messages) == (1, [])
    assert "was not sent through headrace_notify: SMTPSenderRefused 550." in caplog.text
    assert TEXT in caplog.text


def test_an_unreachable_mail_server_does_not_fail_the_task(
    connect: Connect, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    use_mail(connect, free_port())
    notify_failure(context)
    assert "was not sent through headrace_notify: ConnectionRefusedError." in caplog.text


def test_a_mail_connection_without_recipients_says_what_to_add(
    connect: Connect, mailbox: Mailbox, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    use_mail(connect, mailbox.port, to="")
    notify_failure(context)
    assert "no recipients; put them in its extra as `to`" in caplog.text
    assert mailbox.messages == []


def test_without_a_connection_a_failure_goes_to_the_log_as_an_error(
    connect: Connect, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    notify_failure(context)
    assert [(r.levelno, r.getMessage()) for r in caplog.records if r.name == "include.headrace.notify"] == [
        (logging.ERROR, TEXT)
    ]


def test_without_a_connection_a_warning_goes_to_the_log_as_a_warning(
    connect: Connect, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    notify_warning(context=context, test_name="unique_orders_id", failures=2, compiled_sql="select 2")
    [record] = [record for record in caplog.records if record.name == "include.headrace.notify"]
    assert record.levelno == logging.WARNING
    assert "unique_orders_id warned: 2 rows" in record.getMessage()


def test_a_connection_of_another_type_is_named_and_the_log_has_the_notice(
    connect: Connect, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    connect(conn_type="postgres", host="127.0.0.1")
    notify_failure(context)
    assert TEXT in caplog.text
    assert "has the type postgres; make it http (webhook) or smtp (mail)" in caplog.text


def test_a_broken_context_never_fails_the_task(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HEADRACE_ENV", "nowhere")
    notify_failure({})
    assert "The notifier failed (ConfigError)" in caplog.text


SECRETS = [
    ("cannot reach postgresql://ana:hunter2@db:5432/shop", "hunter2"),
    ("cannot reach https://hunter2@api.example.com/v1", "hunter2"),
    ("connection failed: host=db password=hunter2 dbname=shop", "hunter2"),
    ("connection failed: password = 'hunter2 and more' dbname=shop", "hunter2"),
    ('{"access_token": "hunter2"}', "hunter2"),
    ("GET /rows?api_key=hunter2&page=2", "hunter2"),
    ("Authorization: Bearer hunter2hunter2", "hunter2hunter2"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_in_an_error_are_masked(
    connect: Connect, webhook: Webhook, context: dict[str, Any], text: str, secret: str
) -> None:
    use(connect, webhook)
    context["exception"] = RuntimeError(text)
    notify_failure(context)
    notify_warning(context=context, test_name="t", failures=1, compiled_sql=text)
    assert len(webhook.requests) == 2
    assert secret not in str(webhook.requests)
    assert "***" in webhook.requests[0][2]["error"]


def test_secrets_that_airflow_knows_are_masked_before_the_text_is_cut(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    from airflow.sdk.log import mask_secret

    mask_secret("correct-horse-battery")
    use(connect, webhook)
    context["exception"] = RuntimeError("x" * 2980 + " correct-horse-battery staple")
    notify_failure(context)
    [(_, _, body)] = webhook.requests
    assert "correct" not in body["error"]
    assert body["error"].endswith("... (the task's log has the rest)")


def test_only_the_first_lines_of_an_error_are_told(
    connect: Connect, webhook: Webhook, context: dict[str, Any]
) -> None:
    use(connect, webhook)
    context["exception"] = RuntimeError("\n".join(f"line {number}" for number in range(1, 101)))
    notify_failure(context)
    lines = webhook.requests[0][2]["error"].split("\n")
    assert (lines[0], lines[19], len(lines)) == ("RuntimeError: line 1", "line 20", 21)


def test_a_mapped_task_and_a_failed_run_are_named(connect: Connect, webhook: Webhook) -> None:
    use(connect, webhook)
    mapped = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=2, try_number=1, log_url="")
    notify_failure({"ti": mapped, "exception": "boom"})
    notify_failure({"dag": SimpleNamespace(dag_id="d"), "run_id": "r", "reason": "timed_out"})
    assert [body["text"] for _, _, body in webhook.requests] == [
        "[local] d.t[2] failed\nrun: r\ntry: 1\nboom",
        "[local] d failed\nrun: r\ntimed_out",
    ]
