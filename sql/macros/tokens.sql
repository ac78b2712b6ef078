-- Token counters as structs: input, cached, written, output, reasoning (the components), total.

-- Whether the line has the counter at all.
CREATE OR REPLACE TEMP MACRO is_present(counter) AS
    coalesce(
        counter.input,
        counter.cached,
        counter.written,
        counter.output,
        counter.reasoning,
        counter.total
    ) IS NOT NULL;

-- Whether all components are 0, whatever the total says.
CREATE OR REPLACE TEMP MACRO is_empty(counter) AS
    coalesce(counter.input, 0) = 0
    AND coalesce(counter.cached, 0) = 0
    AND coalesce(counter.written, 0) = 0
    AND coalesce(counter.output, 0) = 0
    AND coalesce(counter.reasoning, 0) = 0;

-- Whether any component is larger, or smaller, than before.
CREATE OR REPLACE TEMP MACRO has_risen(counter, earlier) AS
    coalesce(counter.input, 0) > coalesce(earlier.input, 0)
    OR coalesce(counter.cached, 0) > coalesce(earlier.cached, 0)
    OR coalesce(counter.written, 0) > coalesce(earlier.written, 0)
    OR coalesce(counter.output, 0) > coalesce(earlier.output, 0)
    OR coalesce(counter.reasoning, 0) > coalesce(earlier.reasoning, 0);

CREATE OR REPLACE TEMP MACRO has_fallen(counter, earlier) AS
    coalesce(counter.input < earlier.input, FALSE)
    OR coalesce(counter.cached < earlier.cached, FALSE)
    OR coalesce(counter.written < earlier.written, FALSE)
    OR coalesce(counter.output < earlier.output, FALSE)
    OR coalesce(counter.reasoning < earlier.reasoning, FALSE);

-- Whether the components are the same; one that is absent counts as 0 here.
CREATE OR REPLACE TEMP MACRO is_same_usage(counter, other) AS
    coalesce(counter.input, 0) = coalesce(other.input, 0)
    AND coalesce(counter.cached, 0) = coalesce(other.cached, 0)
    AND coalesce(counter.written, 0) = coalesce(other.written, 0)
    AND coalesce(counter.output, 0) = coalesce(other.output, 0)
    AND coalesce(counter.reasoning, 0) = coalesce(other.reasoning, 0);

-- How far a counter moved; a component that it does not have stays NULL.
CREATE OR REPLACE TEMP MACRO step_of(counter, earlier) AS
    {
        'input': counter.input - coalesce(earlier.input, 0),
        'cached': counter.cached - coalesce(earlier.cached, 0),
        'written': counter.written - coalesce(earlier.written, 0),
        'output': counter.output - coalesce(earlier.output, 0),
        'reasoning': counter.reasoning - coalesce(earlier.reasoning, 0),
        'total': counter.total - coalesce(earlier.total, 0)
    };
