/*
description: >
  What was asked before something was done, and who decided how: approvals of commands, file
  changes and permissions, questions to the user, calls of the client's tools, and the
  guardian's reviews. A request that was sent again, or to several connections, is one row; the
  first answer counts.
grain: one row per approval, question or review of an item
key: [approval_id]
columns:
  - approval_id
  - thread_id
  - turn_id
  - item_id
  - client_name
  - missing_context
  - source_id
  - line_number
  - in_streams
  - in_analytics
  - reviewer
  - approval_kind
  - review_trigger
  - command_word
  - network_protocol
  - has_policy_amendment
  - has_more_permissions
  - has_reason
  - questions
  - requested_at
  - decided_at
  - wait_ms
  - decision
  - approval_outcome
  - resolution
  - risk_level
  - times_sent
  - connections
scope: session
*/
WITH
-- --- requests of the server, with the client's answers ----------------------------------------
asked AS (
    SELECT
        requests.connection_id,
        requests.source_id,
        requests.line_number,
        requests.times_sent,
        requests.requested_at,
        requests.answered_at,
        requests.answer_status,
        said.request_id,
        said.thread_id,
        said.turn_id,
        said.item_id,
        said.approval_ref,
        said.approval_kind,
        said.started_at,
        said.has_network_context,
        said.network_protocol,
        said.has_policy_amendment,
        said.has_more_permissions,
        said.has_reason,
        said.command_word,
        said.questions,
        answers.decision,
        answers.network_action,
        answers.decision_scope
    FROM app_requests AS requests
    INNER JOIN parsed_app_approvals AS said
        ON
            requests.source_id = said.source_id
            AND requests.line_number = said.line_number
            AND said.event = 'request'
    LEFT JOIN parsed_app_approvals AS answers
        ON
            requests.source_id = answers.source_id
            AND requests.answer_line_number = answers.line_number
            AND answers.event = 'answer'
),

-- The same request to several connections, or in several captures of one stream.
by_user AS (
    SELECT
        thread_id,
        turn_id,
        item_id,
        request_id AS reference,
        arg_min(source_id, line_number) AS source_id,
        min(line_number) AS line_number,
        CASE
            WHEN bool_or(has_network_context) THEN 'network_access'
            ELSE min(approval_kind)
        END AS approval_kind,
        CASE
            WHEN min(approval_kind) NOT IN ('command_execution', 'file_change', 'permissions')
                THEN NULL
            WHEN min(approval_ref) IS NOT NULL THEN 'execve_intercept'
            WHEN bool_or(has_network_context) THEN 'network_policy_denial'
            WHEN bool_or(has_more_permissions) THEN 'sandbox_denial'
            ELSE 'initial'
        END AS review_trigger,
        min(network_protocol) AS network_protocol,
        bool_or(has_policy_amendment) AS has_policy_amendment,
        bool_or(has_more_permissions) AS has_more_permissions,
        bool_or(has_reason) AS has_reason,
        min(command_word) AS command_word,
        max(questions) AS questions,
        coalesce(min(started_at), min(requested_at)) AS requested_at,
        min(CASE WHEN answer_status <> 'unanswered' THEN answered_at END) AS decided_at,
        arg_min(decision, coalesce(answered_at, requested_at)) FILTER (WHERE decision IS NOT NULL)
            AS timed_decision,
        min(decision) AS any_decision,
        min(network_action) AS network_action,
        min(decision_scope) AS decision_scope,
        bool_or(answer_status = 'error') AS has_failed,
        max(times_sent) AS times_sent,
        count(DISTINCT connection_id) AS connections
    FROM asked
    GROUP BY
        thread_id,
        turn_id,
        item_id,
        request_id
),

by_user_decided AS (
    SELECT
        *,
        coalesce(timed_decision, any_decision) AS decision
    FROM by_user
),

user_streamed AS (
    SELECT
        thread_id,
        turn_id,
        item_id,
        'user' AS reviewer,
        reference,
        source_id,
        line_number,
        approval_kind,
        review_trigger,
        command_word,
        network_protocol,
        has_policy_amendment,
        has_more_permissions,
        has_reason,
        questions,
        requested_at,
        decided_at,
        decision,
        CASE
            WHEN decision IN ('accept', 'acceptForSession', 'approved', 'approved_for_session', 'granted')
                THEN 'approved'
            WHEN decision IN ('acceptWithExecpolicyAmendment', 'approved_execpolicy_amendment')
                THEN 'approved'
            WHEN decision IN ('applyNetworkPolicyAmendment', 'network_policy_amendment')
                THEN CASE WHEN network_action = 'deny' THEN 'denied' ELSE 'approved' END
            WHEN decision IN ('decline', 'denied') THEN 'denied'
            WHEN decision IN ('cancel', 'abort') THEN 'aborted'
            WHEN decision = 'timed_out' THEN 'timed_out'
            WHEN decision IN ('answered', 'completed', 'failed') THEN decision
            WHEN decision IS NOT NULL THEN 'other'
            WHEN has_failed THEN 'failed'
            ELSE 'open'
        END AS approval_outcome,
        CASE
            WHEN decision IN ('acceptForSession', 'approved_for_session') THEN 'session_approval'
            WHEN decision = 'granted' AND decision_scope = 'session' THEN 'session_approval'
            WHEN decision IN ('acceptWithExecpolicyAmendment', 'approved_execpolicy_amendment')
                THEN 'exec_policy_amendment'
            WHEN decision IN ('applyNetworkPolicyAmendment', 'network_policy_amendment')
                THEN 'network_policy_amendment'
            WHEN decision IS NOT NULL THEN 'none'
        END AS resolution,
        CAST(NULL AS VARCHAR) AS risk_level,
        times_sent,
        connections
    FROM by_user_decided
),

-- --- the guardian's reviews in streams ---------------------------------------------------------
guardian_streamed AS (
    SELECT
        thread_id,
        turn_id,
        min(item_id) AS item_id,
        'guardian' AS reviewer,
        approval_ref AS reference,
        arg_min(source_id, line_number) AS source_id,
        min(line_number) AS line_number,
        min(approval_kind) AS approval_kind,
        CAST(NULL AS VARCHAR) AS review_trigger,
        min(command_word) AS command_word,
        min(network_protocol) AS network_protocol,
        bool_or(has_policy_amendment) AS has_policy_amendment,
        bool_or(has_more_permissions) AS has_more_permissions,
        bool_or(has_reason) AS has_reason,
        CAST(NULL AS BIGINT) AS questions,
        min(started_at) AS requested_at,
        max(completed_at) AS decided_at,
        min(decision) AS decision,
        CASE
            WHEN min(decision) = 'timedOut' THEN 'timed_out'
            ELSE coalesce(min(decision), 'open')
        END AS approval_outcome,
        CAST(NULL AS VARCHAR) AS resolution,
        min(risk_level) AS risk_level,
        CAST(NULL AS BIGINT) AS times_sent,
        CAST(NULL AS BIGINT) AS connections
    FROM parsed_app_approvals
    WHERE event IN ('review_started', 'review_completed')
    GROUP BY
        thread_id,
        turn_id,
        approval_ref
),

streamed AS (
    SELECT * FROM user_streamed
    UNION ALL
    SELECT * FROM guardian_streamed
),

-- --- analytics: `user:<request id>` names a request --------------------------------------------
events AS (
    SELECT
        *,
        coalesce(reviewer, 'user') AS known_reviewer,
        CASE
            WHEN review_id LIKE 'user:%' THEN substr(review_id, 6)
            ELSE review_id
        END AS reference,
        row_number() OVER (
            PARTITION BY
                thread_id,
                turn_id,
                review_id
            ORDER BY
                -- of the two events of a guardian's review, the closer one
                CASE WHEN guardian_thread_id IS NOT NULL THEN 0 ELSE 1 END,
                source_id,
                line_number,
                position
        ) AS copy
    FROM parsed_analytics_reviews
),

evented AS (
    SELECT *
    FROM events
    WHERE copy = 1
),

joined AS (
    SELECT
        coalesce(streamed.thread_id, evented.thread_id) AS thread_id,
        coalesce(streamed.turn_id, evented.turn_id) AS turn_id,
        coalesce(streamed.item_id, evented.item_id) AS item_id,
        coalesce(streamed.reviewer, evented.known_reviewer) AS reviewer,
        coalesce(streamed.reference, evented.reference) AS reference,
        coalesce(streamed.source_id, evented.source_id) AS source_id,
        coalesce(streamed.line_number, evented.line_number) AS line_number,
        streamed.source_id IS NOT NULL AS in_streams,
        evented.source_id IS NOT NULL AS in_analytics,
        coalesce(streamed.approval_kind, evented.subject_kind) AS approval_kind,
        coalesce(evented.review_trigger, streamed.review_trigger) AS review_trigger,
        streamed.command_word,
        streamed.network_protocol,
        streamed.has_policy_amendment,
        streamed.has_more_permissions,
        streamed.has_reason,
        streamed.questions,
        coalesce(streamed.requested_at, evented.started_at) AS requested_at,
        coalesce(streamed.decided_at, evented.completed_at) AS decided_at,
        evented.duration_ms,
        coalesce(streamed.decision, evented.decision) AS decision,
        CASE
            WHEN streamed.approval_outcome <> 'open' THEN streamed.approval_outcome
            ELSE coalesce(evented.review_status, streamed.approval_outcome)
        END AS approval_outcome,
        coalesce(streamed.resolution, evented.resolution) AS resolution,
        coalesce(streamed.risk_level, evented.risk_level) AS risk_level,
        streamed.times_sent,
        streamed.connections
    FROM streamed
    FULL JOIN evented
        ON
            streamed.thread_id IS NOT DISTINCT FROM evented.thread_id
            AND streamed.turn_id IS NOT DISTINCT FROM evented.turn_id
            AND streamed.reviewer = evented.known_reviewer
            AND streamed.reference = evented.reference
)

SELECT
    coalesce(joined.thread_id, '') || ':' || coalesce(joined.turn_id, '') || ':'
    || joined.reviewer || ':' || coalesce(joined.item_id, '') || ':'
    || coalesce(joined.reference, '') AS approval_id,
    joined.thread_id,
    joined.turn_id,
    joined.item_id,
    threads.client_name,
    CASE
        WHEN joined.thread_id IS NULL THEN 'unknown_thread'
        ELSE threads.missing_context
    END AS missing_context,
    joined.source_id,
    joined.line_number,
    joined.in_streams,
    joined.in_analytics,
    joined.reviewer,
    joined.approval_kind,
    joined.review_trigger,
    joined.command_word,
    joined.network_protocol,
    joined.has_policy_amendment,
    joined.has_more_permissions,
    joined.has_reason,
    joined.questions,
    joined.requested_at,
    joined.decided_at,
    coalesce(
        date_diff('millisecond', joined.requested_at, joined.decided_at),
        joined.duration_ms
    ) AS wait_ms,
    joined.decision,
    joined.approval_outcome,
    joined.resolution,
    joined.risk_level,
    joined.times_sent,
    joined.connections
FROM joined
LEFT JOIN threads
    ON joined.thread_id = threads.session_id
