/*
description: >
  Kinds of rollout lines, and fields of known kinds, that this version of Rollhouse does not
  know, by the CLI that wrote them: what a new version of Codex says shows itself here.
grain: one row per unknown kind or field and CLI version
key: [shape_kind, unknown_field, cli_version]
columns:
  - shape_kind
  - unknown_field
  - cli_version
  - lines
  - files
  - source_id
  - line_number
scope: global
*/
WITH
versions AS (
    SELECT
        source_id,
        cli_version
    FROM (
        SELECT
            source_id,
            cli_version,
            row_number() OVER (
                PARTITION BY source_id
                ORDER BY line_number
            ) AS meta_rank
        FROM parsed_session_meta
    ) AS metas
    WHERE meta_rank = 1
),

counted AS (
    SELECT
        unknown.shape_kind,
        unknown.unknown_field,
        versions.cli_version,
        count(*) AS lines,
        count(DISTINCT unknown.source_id) AS files,
        min(unknown.source_id) AS source_id
    FROM parsed_unknown AS unknown
    LEFT JOIN versions
        ON unknown.source_id = versions.source_id
    GROUP BY
        unknown.shape_kind,
        unknown.unknown_field,
        versions.cli_version
)

SELECT
    counted.shape_kind,
    counted.unknown_field,
    counted.cli_version,
    counted.lines,
    counted.files,
    counted.source_id,
    min(unknown.line_number) AS line_number
FROM counted
INNER JOIN parsed_unknown AS unknown
    ON
        counted.source_id = unknown.source_id
        AND counted.shape_kind = unknown.shape_kind
        AND counted.unknown_field IS NOT DISTINCT FROM unknown.unknown_field
GROUP BY
    counted.shape_kind,
    counted.unknown_field,
    counted.cli_version,
    counted.lines,
    counted.files,
    counted.source_id
