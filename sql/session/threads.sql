/*
description: >
  Every thread that any source mentions, with what all of them together know of it: rollouts
  first, then streams, analytics events and the state database. The one place where an event
  finds its context; where that is missing, the reason stands here, and whatever is read later
  fills it for earlier events too. What was set explicitly (git, name) wins over what was
  observed.
grain: one row per thread
key: [session_id]
columns:
  - session_id
  - root_session_id
  - parent_thread_id
  - forked_from_id
  - connection_id
  - connection_basis
  - client_name
  - client_version
  - product_client_id
  - rpc_transport
  - is_experimental
  - originator
  - cli_version
  - runtime_os
  - runtime_os_version
  - runtime_arch
  - source_kind
  - source_label
  - thread_source
  - subagent_kind
  - subagent_depth
  - agent_path
  - agent_nickname
  - agent_role
  - initialization_mode
  - times_opened
  - is_ephemeral
  - history_mode
  - model
  - model_provider
  - cwd
  - git_commit
  - git_branch
  - repository_url
  - repo_id
  - name_chars
  - is_shelved
  - is_deleted
  - created_at
  - patched_at
  - first_seen_at
  - last_seen_at
  - in_rollouts
  - in_streams
  - in_analytics
  - in_status
  - in_database
  - missing_context
scope: global
*/
WITH
-- --- streams ---------------------------------------------------------------------------------
stream_mentions AS (
    SELECT
        thread_id AS session_id,
        min(coalesce(recorded_at, emitted_at)) AS first_seen_at,
        max(coalesce(recorded_at, emitted_at)) AS last_seen_at
    FROM parsed_app_server
    WHERE thread_id IS NOT NULL
    GROUP BY thread_id
),

described AS (
    SELECT
        messages.connection_id,
        messages.passed_at,
        requests.method,
        seen.*,
        row_number() OVER (
            PARTITION BY seen.thread_id
            ORDER BY
                messages.passed_at NULLS FIRST,
                seen.source_id,
                seen.line_number,
                seen.position
        ) AS moment
    FROM parsed_app_threads AS seen
    INNER JOIN app_messages AS messages
        ON
            seen.source_id = messages.source_id
            AND seen.line_number = messages.line_number
    LEFT JOIN app_requests AS requests
        ON
            seen.source_id = requests.source_id
            AND seen.line_number = requests.answer_line_number
    WHERE seen.thread_id IS NOT NULL
),

changes AS (
    SELECT
        messages.said_at,
        messages.passed_at,
        changed.*,
        messages.message_kind = 'notification'
        OR coalesce(requests.answer_status = 'answered', FALSE) AS is_done,
        row_number() OVER (
            PARTITION BY changed.thread_id
            ORDER BY
                messages.passed_at NULLS FIRST,
                changed.source_id,
                changed.line_number
        ) AS moment
    FROM parsed_app_thread_changes AS changed
    INNER JOIN app_messages AS messages
        ON
            changed.source_id = messages.source_id
            AND changed.line_number = messages.line_number
    LEFT JOIN app_requests AS requests
        ON
            changed.source_id = requests.source_id
            AND changed.line_number = requests.line_number
    WHERE changed.thread_id IS NOT NULL
),

-- What a thread object says last holds.
stream_threads AS (
    SELECT
        thread_id AS session_id,
        arg_max(root_session_id, moment) FILTER (WHERE root_session_id IS NOT NULL)
            AS root_session_id,
        arg_max(parent_thread_id, moment) FILTER (WHERE parent_thread_id IS NOT NULL)
            AS parent_thread_id,
        arg_max(forked_from_id, moment) FILTER (WHERE forked_from_id IS NOT NULL)
            AS forked_from_id,
        arg_max(originator, moment) FILTER (WHERE originator IS NOT NULL) AS originator,
        arg_max(cli_version, moment) FILTER (WHERE cli_version IS NOT NULL) AS cli_version,
        arg_max(source_kind, moment) FILTER (WHERE source_kind IS NOT NULL) AS source_kind,
        arg_max(source_label, moment) FILTER (WHERE source_label IS NOT NULL) AS source_label,
        arg_max(thread_source, moment) FILTER (WHERE thread_source IS NOT NULL) AS thread_source,
        arg_max(subagent_kind, moment) FILTER (WHERE subagent_kind IS NOT NULL) AS subagent_kind,
        arg_max(subagent_depth, moment) FILTER (WHERE subagent_depth IS NOT NULL)
            AS subagent_depth,
        arg_max(agent_path, moment) FILTER (WHERE agent_path IS NOT NULL) AS agent_path,
        arg_max(agent_nickname, moment) FILTER (WHERE agent_nickname IS NOT NULL)
            AS agent_nickname,
        arg_max(agent_role, moment) FILTER (WHERE agent_role IS NOT NULL) AS agent_role,
        arg_max(is_ephemeral, moment) FILTER (WHERE is_ephemeral IS NOT NULL) AS is_ephemeral,
        arg_max(history_mode, moment) FILTER (WHERE history_mode IS NOT NULL) AS history_mode,
        arg_max(model_provider, moment) FILTER (WHERE model_provider IS NOT NULL)
            AS model_provider,
        arg_max(cwd, moment) FILTER (WHERE cwd IS NOT NULL) AS cwd,
        arg_max(name_chars, moment) FILTER (WHERE name_chars IS NOT NULL) AS name_chars,
        min(created_at) AS created_at,
        count(CASE WHEN is_opened THEN 1 END) AS times_opened,
        arg_min(
            CASE method
                WHEN 'thread/start' THEN 'new'
                WHEN 'thread/resume' THEN 'resumed'
                WHEN 'thread/fork' THEN 'forked'
            END,
            moment
        ) FILTER (WHERE method IN ('thread/start', 'thread/resume', 'thread/fork'))
            AS initialization_mode
    FROM described
    GROUP BY thread_id
),

stream_changes AS (
    SELECT
        thread_id AS session_id,
        max(CASE WHEN event LIKE '%/set' OR event LIKE '%/update' THEN said_at END) AS patched_at,
        arg_max(name_chars, moment) FILTER (WHERE name_chars IS NOT NULL) AS name_chars,
        arg_max(event = 'thread/archived', moment)
            FILTER (WHERE event IN ('thread/archived', 'thread/unarchived')) AS is_shelved,
        bool_or(event = 'thread/deleted') AS is_deleted
    FROM changes
    WHERE is_done
    GROUP BY thread_id
),

-- A thread's model: that of the last answer that opened it, or of the last change of settings.
models AS (
    SELECT
        session_id,
        model
    FROM (
        SELECT
            thread_id AS session_id,
            model,
            row_number() OVER (
                PARTITION BY thread_id
                ORDER BY
                    passed_at DESC NULLS LAST,
                    source_id DESC,
                    line_number DESC
            ) AS recency
        FROM (
            SELECT
                thread_id,
                passed_at,
                source_id,
                line_number,
                model
            FROM described
            WHERE
                is_opened
                AND model IS NOT NULL
            UNION ALL
            SELECT
                thread_id,
                passed_at,
                source_id,
                line_number,
                model
            FROM changes
            WHERE
                is_done
                AND model IS NOT NULL
        )
    )
    WHERE recency = 1
),

-- --- where a sub-agent comes from -------------------------------------------------------------
spawned AS (
    SELECT
        session_id,
        min(parent_thread_id) AS parent_thread_id
    FROM (
        SELECT
            unnest(agent_thread_ids) AS session_id,
            thread_id AS parent_thread_id
        FROM parsed_app_items
        WHERE
            tool_name = 'spawnAgent'
            OR activity_kind = 'started'
        UNION ALL
        SELECT
            thread_id AS session_id,
            parent_thread_id
        FROM parsed_spawn_edges
        UNION ALL
        SELECT
            thread_id AS session_id,
            parent_thread_id
        FROM parsed_analytics
        WHERE parent_thread_id IS NOT NULL
    )
    WHERE session_id IS NOT NULL
    GROUP BY session_id
),

-- --- connections ------------------------------------------------------------------------------
-- A thread belongs to the connection that opened it last; one that no answer opened (a
-- sub-agent, or one opened before the capture began) to that of its parent, as it was then, or
-- of its messages.
openings AS (
    SELECT
        thread_id AS session_id,
        connection_id,
        passed_at,
        moment
    FROM described
    WHERE is_opened
),

opened_on AS (
    SELECT
        session_id,
        arg_max(connection_id, moment) AS connection_id
    FROM openings
    GROUP BY session_id
),

seen_on AS (
    SELECT
        thread_id AS session_id,
        arg_max(connection_id, said_at) FILTER (WHERE said_at IS NOT NULL) AS timed_connection_id,
        max(connection_id) AS connection_id
    FROM app_messages
    WHERE thread_id IS NOT NULL
    GROUP BY thread_id
),

-- --- analytics --------------------------------------------------------------------------------
events AS (
    SELECT
        thread_id AS session_id,
        coalesce(occurred_at, recorded_at) AS seen_at,
        root_session_id,
        product_client_id,
        client_name,
        client_version,
        rpc_transport,
        is_experimental,
        cli_version,
        runtime_os,
        runtime_os_version,
        runtime_arch,
        thread_source,
        subagent_kind,
        row_number() OVER (
            PARTITION BY thread_id
            ORDER BY
                -- a sub-agent's first event names the process, not the client
                CASE WHEN event_type = 'codex_thread_initialized' THEN 0 ELSE 1 END,
                coalesce(recorded_at, occurred_at) NULLS FIRST,
                source_id,
                line_number,
                position
        ) AS moment
    FROM parsed_analytics
    WHERE thread_id IS NOT NULL
),

event_threads AS (
    SELECT
        session_id,
        min(seen_at) AS first_seen_at,
        max(seen_at) AS last_seen_at,
        arg_max(root_session_id, moment) FILTER (WHERE root_session_id IS NOT NULL)
            AS root_session_id,
        arg_max(product_client_id, moment) FILTER (WHERE product_client_id IS NOT NULL)
            AS product_client_id,
        arg_max(client_name, moment) FILTER (WHERE client_name IS NOT NULL) AS client_name,
        arg_max(client_version, moment) FILTER (WHERE client_version IS NOT NULL)
            AS client_version,
        arg_max(rpc_transport, moment) FILTER (WHERE rpc_transport IS NOT NULL) AS rpc_transport,
        arg_max(is_experimental, moment) FILTER (WHERE is_experimental IS NOT NULL)
            AS is_experimental,
        arg_max(cli_version, moment) FILTER (WHERE cli_version IS NOT NULL) AS cli_version,
        arg_max(runtime_os, moment) FILTER (WHERE runtime_os IS NOT NULL) AS runtime_os,
        arg_max(runtime_os_version, moment) FILTER (WHERE runtime_os_version IS NOT NULL)
            AS runtime_os_version,
        arg_max(runtime_arch, moment) FILTER (WHERE runtime_arch IS NOT NULL) AS runtime_arch,
        arg_max(thread_source, moment) FILTER (WHERE thread_source IS NOT NULL) AS thread_source,
        arg_max(subagent_kind, moment) FILTER (WHERE subagent_kind IS NOT NULL) AS subagent_kind
    FROM events
    GROUP BY session_id
),

initialized AS (
    SELECT
        thread_id AS session_id,
        arg_min(model, moment) FILTER (WHERE model IS NOT NULL) AS model,
        bool_or(is_ephemeral) AS is_ephemeral,
        min(forked_from_id) AS forked_from_id,
        min(created_at) AS created_at,
        arg_min(initialization_mode, moment) FILTER (WHERE initialization_mode IS NOT NULL)
            AS initialization_mode
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY thread_id
                ORDER BY
                    coalesce(created_at, recorded_at) NULLS LAST,
                    recorded_at NULLS LAST,
                    source_id,
                    line_number,
                    position
            ) AS moment
        FROM parsed_analytics_threads
        WHERE
            event = 'initialized'
            AND thread_id IS NOT NULL
    )
    GROUP BY thread_id
),

shelved AS (
    SELECT
        thread_id AS session_id,
        arg_max(event = 'archived', occurred_at) AS is_shelved
    FROM parsed_analytics_threads
    WHERE
        event IN ('archived', 'unarchived')
        AND occurred_at IS NOT NULL
        AND thread_id IS NOT NULL
    GROUP BY thread_id
),

-- --- status panels and the state database -----------------------------------------------------
panels AS (
    SELECT
        panels.thread_id AS session_id,
        max(panels.cli_version) AS cli_version,
        max(sources.modified_at) AS last_seen_at
    FROM parsed_status AS panels
    LEFT JOIN status_sources AS sources
        ON panels.source_id = sources.source_id
    WHERE panels.thread_id IS NOT NULL
    GROUP BY panels.thread_id
),

recorded AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY thread_id
            ORDER BY
                updated_at DESC NULLS LAST,
                source_id
        ) AS recency
    FROM parsed_threads
),

database_threads AS (
    SELECT *
    FROM recorded
    WHERE recency = 1
),

-- The last line of a thread in the index of names holds; an empty name takes it away.
indexed AS (
    SELECT
        thread_id AS session_id,
        nullif(arg_max(name_chars, place), 0) AS name_chars
    FROM (
        SELECT
            thread_id,
            coalesce(name_chars, 0) AS name_chars,
            row_number() OVER (
                PARTITION BY thread_id
                ORDER BY
                    updated_at NULLS FIRST,
                    source_id,
                    line_number
            ) AS place
        FROM parsed_session_index
        WHERE thread_id IS NOT NULL
    )
    GROUP BY thread_id
),

-- --- git: explicit changes win over what was observed, the latest first -----------------------
git_said AS (
    SELECT
        session_id,
        git_commit,
        git_branch,
        repository_url,
        repo_id,
        row_number() OVER (
            PARTITION BY session_id
            ORDER BY
                is_patch,
                said_at NULLS FIRST,
                origin,
                moment
        ) AS moment
    FROM (
        SELECT
            session_id,
            git_commit,
            git_branch,
            repository_url,
            repo_id,
            FALSE AS is_patch,
            created_at AS said_at,
            1 AS origin,
            1 AS moment
        FROM sessions
        UNION ALL
        SELECT
            thread_id AS session_id,
            git_commit,
            git_branch,
            repository_url,
            repo_id,
            FALSE AS is_patch,
            updated_at AS said_at,
            2 AS origin,
            1 AS moment
        FROM database_threads
        UNION ALL
        SELECT
            thread_id AS session_id,
            git_commit,
            git_branch,
            repository_url,
            repo_id,
            FALSE AS is_patch,
            passed_at AS said_at,
            3 AS origin,
            moment
        FROM described
        UNION ALL
        SELECT
            thread_id AS session_id,
            git_commit,
            git_branch,
            repository_url,
            repo_id,
            TRUE AS is_patch,
            passed_at AS said_at,
            4 AS origin,
            moment
        FROM changes
        WHERE
            event = 'thread/metadata/update'
            AND is_done
    )
),

git AS (
    SELECT
        session_id,
        arg_max(git_commit, moment) FILTER (WHERE git_commit IS NOT NULL) AS git_commit,
        arg_max(git_branch, moment) FILTER (WHERE git_branch IS NOT NULL) AS git_branch,
        arg_max(repository_url, moment) FILTER (WHERE repository_url IS NOT NULL)
            AS repository_url,
        arg_max(repo_id, moment) FILTER (WHERE repo_id IS NOT NULL) AS repo_id
    FROM git_said
    GROUP BY session_id
),

-- --- all of them ------------------------------------------------------------------------------
named AS (
    SELECT unnest([thread_id, root_session_id, parent_thread_id, forked_from_id]) AS session_id
    FROM parsed_session_meta
    UNION
    SELECT unnest([root_session_id, parent_thread_id, forked_from_id]) AS session_id
    FROM parsed_app_threads
    UNION
    SELECT review_thread_id AS session_id FROM parsed_app_turns
    UNION
    SELECT unnest(agent_thread_ids) AS session_id FROM parsed_app_items
    UNION
    SELECT unnest([root_session_id, parent_thread_id]) AS session_id FROM parsed_analytics
    UNION
    SELECT forked_from_id AS session_id FROM parsed_analytics_threads
    UNION
    SELECT unnest(agent_thread_ids) AS session_id FROM parsed_analytics_tools
    UNION
    SELECT guardian_thread_id AS session_id FROM parsed_analytics_reviews
    UNION
    SELECT forked_from_id AS session_id FROM parsed_status
    UNION
    SELECT unnest([thread_id, parent_thread_id]) AS session_id FROM parsed_spawn_edges
    UNION
    SELECT thread_id AS session_id FROM parsed_thread_goals
    UNION
    SELECT session_id FROM indexed
    UNION
    SELECT thread_id AS session_id FROM ledger_threads
),

mentioned AS (
    SELECT session_id FROM sessions
    UNION
    SELECT session_id FROM named
    WHERE session_id IS NOT NULL
    UNION
    SELECT session_id FROM stream_mentions
    UNION
    SELECT session_id FROM stream_threads
    UNION
    SELECT session_id FROM event_threads
    UNION
    SELECT session_id FROM panels
    UNION
    SELECT thread_id AS session_id FROM database_threads
),

joined AS (
    SELECT
        mentioned.session_id,
        coalesce(
            own.root_session_id,
            streamed.root_session_id,
            evented.root_session_id
        ) AS root_session_id,
        coalesce(
            own.parent_thread_id,
            streamed.parent_thread_id,
            stored.parent_thread_id,
            spawned.parent_thread_id
        ) AS parent_thread_id,
        coalesce(
            own.fork_source_id,
            streamed.forked_from_id,
            initialized.forked_from_id
        ) AS forked_from_id,
        coalesce(own.originator, streamed.originator, stored.originator) AS originator,
        coalesce(
            own.cli_version,
            streamed.cli_version,
            evented.cli_version,
            stored.cli_version,
            panels.cli_version
        ) AS cli_version,
        coalesce(own.source_kind, streamed.source_kind, stored.source_kind) AS source_kind,
        coalesce(own.source_label, streamed.source_label, stored.source_label) AS source_label,
        coalesce(
            own.thread_source,
            streamed.thread_source,
            evented.thread_source,
            stored.thread_source
        ) AS thread_source,
        coalesce(
            own.subagent_kind,
            streamed.subagent_kind,
            evented.subagent_kind,
            stored.subagent_kind
        ) AS subagent_kind,
        coalesce(own.subagent_depth, streamed.subagent_depth, stored.subagent_depth)
            AS subagent_depth,
        coalesce(own.agent_path, streamed.agent_path, stored.agent_path) AS agent_path,
        coalesce(own.agent_nickname, streamed.agent_nickname, stored.agent_nickname)
            AS agent_nickname,
        coalesce(own.agent_role, streamed.agent_role, stored.agent_role) AS agent_role,
        coalesce(streamed.initialization_mode, initialized.initialization_mode)
            AS initialization_mode,
        streamed.times_opened,
        coalesce(streamed.is_ephemeral, initialized.is_ephemeral) AS is_ephemeral,
        coalesce(own.history_mode, streamed.history_mode, stored.history_mode) AS history_mode,
        coalesce(models.model, initialized.model, stored.model) AS model,
        coalesce(own.model_provider, streamed.model_provider, stored.model_provider)
            AS model_provider,
        coalesce(own.cwd, streamed.cwd, stored.cwd) AS cwd,
        coalesce(
            changed.name_chars,
            indexed.name_chars,
            streamed.name_chars,
            stored.name_chars
        ) AS name_chars,
        CASE
            WHEN own.has_file THEN own.is_archived
            ELSE coalesce(changed.is_shelved, shelved.is_shelved, stored.is_archived)
        END AS is_shelved,
        changed.is_deleted,
        coalesce(
            own.created_at,
            streamed.created_at,
            initialized.created_at,
            stored.created_at
        ) AS created_at,
        changed.patched_at,
        least(
            own.first_seen_at,
            stream_mentions.first_seen_at,
            evented.first_seen_at
        ) AS first_seen_at,
        greatest(
            own.last_seen_at,
            stream_mentions.last_seen_at,
            evented.last_seen_at,
            panels.last_seen_at
        ) AS last_seen_at,
        own.session_id IS NOT NULL AS in_rollouts,
        stream_mentions.session_id IS NOT NULL
        OR streamed.session_id IS NOT NULL AS in_streams,
        evented.session_id IS NOT NULL AS in_analytics,
        panels.session_id IS NOT NULL AS in_status,
        stored.thread_id IS NOT NULL AS in_database,
        streamed.session_id IS NOT NULL
        OR initialized.session_id IS NOT NULL
        OR own.session_id IS NOT NULL
        OR stored.thread_id IS NOT NULL AS is_described,
        coalesce(
            stream_mentions.first_seen_at,
            own.first_seen_at,
            evented.first_seen_at
        ) AS began_at,
        opened_on.connection_id AS opened_on,
        coalesce(seen_on.timed_connection_id, seen_on.connection_id) AS seen_on,
        evented.product_client_id AS evented_product_client_id,
        evented.client_name AS evented_client_name,
        evented.client_version AS evented_client_version,
        evented.rpc_transport,
        evented.is_experimental AS evented_is_experimental,
        evented.runtime_os AS evented_runtime_os,
        evented.runtime_os_version AS evented_runtime_os_version,
        evented.runtime_arch AS evented_runtime_arch
    FROM mentioned
    LEFT JOIN sessions AS own
        ON mentioned.session_id = own.session_id
    LEFT JOIN stream_mentions
        ON mentioned.session_id = stream_mentions.session_id
    LEFT JOIN stream_threads AS streamed
        ON mentioned.session_id = streamed.session_id
    LEFT JOIN stream_changes AS changed
        ON mentioned.session_id = changed.session_id
    LEFT JOIN models
        ON mentioned.session_id = models.session_id
    LEFT JOIN spawned
        ON mentioned.session_id = spawned.session_id
    LEFT JOIN opened_on
        ON mentioned.session_id = opened_on.session_id
    LEFT JOIN seen_on
        ON mentioned.session_id = seen_on.session_id
    LEFT JOIN event_threads AS evented
        ON mentioned.session_id = evented.session_id
    LEFT JOIN initialized
        ON mentioned.session_id = initialized.session_id
    LEFT JOIN shelved
        ON mentioned.session_id = shelved.session_id
    LEFT JOIN panels
        ON mentioned.session_id = panels.session_id
    LEFT JOIN indexed
        ON mentioned.session_id = indexed.session_id
    LEFT JOIN database_threads AS stored
        ON mentioned.session_id = stored.thread_id
),

-- The parent may have moved to another connection since.
inherited AS (
    SELECT
        joined.session_id,
        arg_max(openings.connection_id, openings.moment) AS connection_id
    FROM joined
    INNER JOIN openings
        ON
            joined.parent_thread_id = openings.session_id
            AND joined.began_at >= openings.passed_at
    GROUP BY joined.session_id
),

connected AS (
    SELECT
        joined.*,
        coalesce(
            joined.opened_on,
            inherited.connection_id,
            parents.connection_id,
            roots.connection_id,
            joined.seen_on
        ) AS connection_id,
        CASE
            WHEN joined.opened_on IS NOT NULL THEN 'opened'
            WHEN parents.connection_id IS NOT NULL THEN 'parent'
            WHEN roots.connection_id IS NOT NULL THEN 'root'
            WHEN joined.seen_on IS NOT NULL THEN 'seen'
        END AS connection_basis
    FROM joined
    LEFT JOIN inherited
        ON joined.session_id = inherited.session_id
    LEFT JOIN opened_on AS parents
        ON joined.parent_thread_id = parents.session_id
    LEFT JOIN opened_on AS roots
        ON joined.root_session_id = roots.session_id
),

resolved AS (
    SELECT
        connected.*,
        coalesce(clients.client_name, connected.evented_client_name) AS client_name,
        coalesce(clients.client_version, connected.evented_client_version) AS client_version,
        coalesce(connected.evented_product_client_id, connected.originator, clients.client_name)
            AS product_client_id,
        coalesce(clients.is_experimental, connected.evented_is_experimental) AS is_experimental,
        coalesce(clients.runtime_os, connected.evented_runtime_os) AS runtime_os,
        coalesce(clients.runtime_os_version, connected.evented_runtime_os_version)
            AS runtime_os_version,
        coalesce(clients.runtime_arch, connected.evented_runtime_arch) AS runtime_arch,
        coalesce(connected.cli_version, clients.cli_version) AS known_cli_version
    FROM connected
    LEFT JOIN app_connections AS clients
        ON connected.connection_id = clients.connection_id
)

SELECT
    resolved.session_id,
    resolved.root_session_id,
    resolved.parent_thread_id,
    resolved.forked_from_id,
    resolved.connection_id,
    resolved.connection_basis,
    resolved.client_name,
    resolved.client_version,
    resolved.product_client_id,
    resolved.rpc_transport,
    resolved.is_experimental,
    resolved.originator,
    resolved.known_cli_version AS cli_version,
    resolved.runtime_os,
    resolved.runtime_os_version,
    resolved.runtime_arch,
    resolved.source_kind,
    resolved.source_label,
    resolved.thread_source,
    resolved.subagent_kind,
    resolved.subagent_depth,
    resolved.agent_path,
    resolved.agent_nickname,
    resolved.agent_role,
    resolved.initialization_mode,
    coalesce(resolved.times_opened, 0) AS times_opened,
    resolved.is_ephemeral,
    resolved.history_mode,
    resolved.model,
    resolved.model_provider,
    resolved.cwd,
    git.git_commit,
    git.git_branch,
    git.repository_url,
    git.repo_id,
    resolved.name_chars,
    resolved.is_shelved,
    coalesce(resolved.is_deleted, FALSE) AS is_deleted,
    resolved.created_at,
    resolved.patched_at,
    resolved.first_seen_at,
    resolved.last_seen_at,
    resolved.in_rollouts,
    resolved.in_streams,
    resolved.in_analytics,
    resolved.in_status,
    resolved.in_database,
    CASE
        WHEN NOT resolved.is_described THEN 'unknown_thread'
        WHEN resolved.product_client_id IS NULL THEN 'unknown_connection'
        WHEN
            resolved.root_session_id IS NULL
            AND resolved.source_kind IS NULL
            AND resolved.thread_source IS NULL
            THEN 'unknown_metadata'
    END AS missing_context
FROM resolved
LEFT JOIN git
    ON resolved.session_id = git.session_id
