-- Whether a line of a rollout is its thread's own, by the bounds of `lineage`: what was inherited
-- begins at a line (NULL: nothing was), and ends before another (NULL: never).
CREATE OR REPLACE TEMP MACRO is_own_line(line_number, inherited_from_line, own_from_line) AS
    coalesce(
        line_number < inherited_from_line
        OR line_number >= coalesce(own_from_line, 9223372036854775807),
        TRUE
    );
